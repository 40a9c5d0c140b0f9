"""An environment's variables and secrets."""

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
        ("A=$HOME ${X} `id`", "$HOME ${X} `id`"),
        ("A=b=c==", "b=c=="),
        ("A=pässwörd⟦x⟧", "pässwörd⟦x⟧"),
    ],
)
def test_a_line_names_a_value_and_nothing_in_it_is_looked_up(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"# first\n\n{line}\n") == {"A": value}


def test_later_files_lie_over_earlier_ones(tmp_path: Path) -> None:
    assert read(tmp_path, "A=1\nB=1", "B=2\nC=2") == {"A": "1", "B": "2", "C": "2"}


@pytest.mark.parametrize("line", ["just words", "1A=x", "A-B=x", "=x", "A B=x", "--foo", "export"])
def test_a_line_that_names_nothing_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"^\.env0:3: "):
        read(tmp_path, f"A=1\n\n{line}\n")


@pytest.mark.parametrize("text", ['KEY="-----BEGIN KEY-----\nZm9v==\n-----END KEY-----"\n', "KEY='x\n"])
def test_a_value_of_several_lines_is_refused_and_not_cut(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"^\.env0:1: "):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.env\.staging: No such file") as caught:
        variables.read([".env.staging"], tmp_path)

    assert "`variables`" in caught.value.hint


def test_what_is_wrong_with_a_file_does_not_show_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "s3cr3t without a name")

    assert "s3cr3t" not in str(caught.value)


def test_secrets_come_from_the_environment_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DB": "d\n$x", "EMPTY": "", "OTHER": "o"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ABSENT", raising=False)

    assert variables.secrets("env://", ["DB", "EMPTY", "ABSENT"]) == {"DB": "d\n$x", "EMPTY": ""}


def test_a_prefix_tells_environments_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING_DB", "s")
    monkeypatch.setenv("DB", "p")

    assert variables.secrets("env://STAGING_", ["DB"]) == {"DB": "s"}


@pytest.mark.parametrize("source", ["", "envy://", "file:///etc/passwd"])
def test_a_source_that_nobody_knows_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="isn't a known source"):
        variables.secrets(source, ["A"])


@pytest.mark.parametrize("name", ["HOME", "USER", "PATH", "LANG", "PWD", "TERM"])
def test_a_login_shells_own_variables_are_no_secrets(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "the deployer's own")

    assert variables.secrets("env://", [name]) == {}


def test_with_a_prefix_even_those_names_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING_USER", "app")

    assert variables.secrets("env://STAGING_", ["USER"]) == {"USER": "app"}
