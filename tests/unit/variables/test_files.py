"""An environment's variables and secrets."""

import json
from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.variables import files as variables


def read(folder: Path, *texts: str) -> dict[str, str]:
    """The variables of files with these contents."""
    names = [f".env{number}" for number, _ in enumerate(texts)]
    for name, text in zip(names, texts, strict=True):
        (folder / name).write_text(text)
    return variables.read(names, folder)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("  A = b  ", "b"),
        ("A=", ""),
        ('A=""', ""),
        ('A="b c"', "b c"),
        ("A='b c'", "b c"),
        ('A="b # c"', "b # c"),
        ("A=b # comment", "b"),
        ('A="b"  # comment', "b"),
        ("A=b#c", "b#c"),
        ("A='$HOME ${X}'", "$HOME ${X}"),
        ("A=`id`", "`id`"),
        ("A=b  \r", "b"),
        ("A=b=c==", "b=c=="),
        ("A=pässwörd⟦x⟧", "pässwörd⟦x⟧"),
    ],
)
def test_a_line_names_a_value_and_nothing_in_it_is_looked_up(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"# first\n\n{line}\n") == {"A": value}


def test_later_files_lie_over_earlier_ones(tmp_path: Path) -> None:
    assert read(tmp_path, "A=1\nB=1", "B=2\nC=2") == {"A": "1", "B": "2", "C": "2"}


@pytest.fixture
def compose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `docker-compose` that keeps what it is asked and answers what the file `answer`, a shell script, says."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    plugin = tmp_path / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir()
    plugin.write_text(f"#!/bin/sh\ncat > {tmp_path}/asked; . {tmp_path}/answer\n")
    plugin.chmod(0o755)
    return tmp_path


def answer(compose: Path, *, error: str = "", code: int = 0, **environment: str) -> None:
    """What Compose prints of a service whose environment is in those files."""
    said = json.dumps({"services": {"x": {"environment": environment}}})
    (compose / "answer").write_text(f"cat <<'E' >&2\n{error}\nE\ncat <<'E'\n{said}\nE\nexit {code}\n")


@pytest.mark.parametrize(
    "line",
    [
        "A=$B",
        'A="${B}"',
        "A=a\\b",
        'A="b\nc"',
        "A='b\nc'",
        "A=b\tc",
        "A= # c",
        "A: b",
        "A-B=x",
        "\ufeffA=b",
        'A="b"c',
    ],
)
def test_a_file_with_a_line_that_readers_differ_about_is_read_by_compose(compose: Path, line: str) -> None:
    answer(compose, A="pa$$word")

    assert read(compose, "B=1", line) == {"A": "pa$word"}

    asked = json.loads((compose / "asked").read_text())["services"]["x"]["env_file"]
    assert asked == [f"{compose}/.env0", f"{compose}/.env1"]


def test_a_name_that_is_not_set_is_refused_and_not_taken_as_empty(compose: Path) -> None:
    unset = 'level=warning msg="The \\"word\\" variable is not set. Defaulting to a blank string."'
    answer(compose, A="pa", error=unset)

    with pytest.raises(ConfigError, match=r"^\.env0:1 refers to a variable that isn't set") as caught:
        read(compose, "A=pa$word")

    assert "single quotes" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("line 2: key cannot contain a space", "2: key cannot contain a space."),
        ('line 1: unterminated quoted value "s3cr3t', "1: unterminated quoted value."),
        (
            'line 1: unexpected character "%" in variable name "A%=s3cr3t"',
            '1: unexpected character "%" in variable name.',
        ),
        ('Invalid template: "${s3cr3t"', "1: Invalid template."),
    ],
)
def test_a_line_that_compose_refuses_is_named_without_its_value(compose: Path, said: str, shown: str) -> None:
    answer(compose, error=f"failed to read {compose}/.env0: {said}", code=1)

    with pytest.raises(ConfigError) as caught:
        read(compose, "A B=x")

    assert caught.value.problem == f".env0:{shown}"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"A=\xff\n")

    with pytest.raises(ConfigError, match="v isn't UTF-8"):
        variables.read(["v"], tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.env\.staging: No such file") as caught:
        variables.read([".env.staging"], tmp_path)

    assert "`variables`" in caught.value.hint
