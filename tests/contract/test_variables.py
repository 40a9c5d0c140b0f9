"""A variables file gives what Compose gives for it, line by line; docs/decisions/variables-files.md has the table."""

import json
from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.secret import Secret
from tagship.system import programs
from tagship.system.compose_program import as_yaml, command
from tagship.variables import files
from tagship.variables.stores.dotenv import DotenvStore

SAME = (
    "A=b", "  A = b  ", "export   A=b", "A=", "A=   ", 'A=""', 'A="b c"', "A='b c'", 'A=" b "  ', "A=b c", "A=b=c==",
    "A=b # c", "A=b#c", "A=#c", "A= # c", "A=b\t# c", 'A="b # c"', 'A="b" # it\'s', 'A="b"#c', "A=b # it's",
    "# A=1\nA=b", "A=it's", 'A=b"c"', 'A="b"c', "A='b' c", 'A={"a": "b c"}',
    "A=`id` $( id )", "A=пароль🔑", "A=b\u00a0c", "A=b\u2028B=c",
    "B=1\nA=$B", "B=1\nA=${B}2", "A=${NONE:-x}", "A='$B ${B}'", 'B=1\nA="$B"', "B=1\nA=\\$B", "A=$$B", "A=pa$",
    "A=p$1x", 'A="a\\nb"', "A=a\\nb", "A='a\\nb'", 'A="a\\"b"', "A='it\\'s'", 'A="c:\\dir"',
    'A="b\nc"', "A='b\nc'", "A=1\r\nB=2\r\n", "\ufeffA=b", "A=1\nA=2", "A: b", "A\nB=c", "A-B=x\nA=1",
    "1A=x\nA=1", "=x\nA=1",
)  # fmt: skip
"""Ours gives what Compose gives, whoever of us reads it."""
REFUSED = ("A=$NONE", 'A="pa$word"', 'A="b', "A='b", "A B=x", "just words\nA=1", "A%=x", "A=${B", "A=${B:?}")
"""Compose refuses them, too; or takes a name that isn't set as empty, with a warning."""


def of_compose(file: Path) -> dict[str, str]:
    """The environment of a service that has this `env_file`. Raises ConfigError."""
    model = as_yaml({"name": "x", "services": {"x": {"image": "x", "env_file": [str(file)]}}})
    argv = [*command(), "--env-file", "/dev/null", "-f", "-", "config", "--format", "json"]
    found = json.loads(programs.run(argv, stdin=model, fails_as=ConfigError).out)
    environment = found["services"]["x"].get("environment") or {}
    return {name: value.replace("$$", "$") for name, value in environment.items()}


@pytest.mark.parametrize("text", SAME)
def test_a_line_means_what_it_means_to_compose(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.env").write_bytes(text.encode())

    assert files.read(["v.env"], tmp_path) == of_compose(tmp_path / "v.env")


@pytest.mark.parametrize("text", REFUSED)
def test_a_line_that_says_nothing_clear_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.env").write_bytes(text.encode())

    with pytest.raises(ConfigError, match=r"^v\.env:1\b"):
        files.read(["v.env"], tmp_path)


def test_a_later_file_looks_names_up_in_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "a$b.env").write_text("A=1\nB=1\n")
    (tmp_path / "later.env").write_text("B=${A}2\n")

    assert files.read(["a$b.env", "later.env"], tmp_path) == {"A": "1", "B": "12"}


def test_what_was_written_to_a_file_of_secrets_is_what_compose_reads(tmp_path: Path) -> None:
    hostile = {"LINES": "a\nb\n", "QUOTES": 'it\'s "so"', "SLASH": "c:\\dir\\n$x", "RETURN": "it's\ra"}
    file = tmp_path / ".secret"
    file.touch(0o600)
    store = DotenvStore("dotenv://.secret", tmp_path)

    for name, value in hostile.items():
        store.write(name, Secret(value))

    assert of_compose(file) == hostile
    assert {name: found.value.reveal() for name, found in store.read(frozenset(hostile)).items()} == hostile
