"""Reads files of NAME=value lines, as Compose reads them."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tagship.errors import ConfigError
from tagship.system import programs
from tagship.system.compose_program import as_yaml, command

_COMMENT = r"(?:[ ]+\#[^\r]*)?"
_PLAIN = re.compile(
    rf"""
    [ ]*(?:\#[^\r]*)?
    | [ ]*(?:export[ ]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ ]*=[ ]*(?:
        '(?P<single>[^'\\\x00-\x1f]*)'{_COMMENT}
        |"(?P<double>[^"\\$\x00-\x1f]*)"{_COMMENT}
        |(?P<bare>[^\s"'\\$\#](?:[^\s\\$]|[ ](?![ ]*(?:\#|$)))*){_COMMENT}
        |
    )[ ]*
    """,
    re.VERBOSE,
)
"""A line that every reader of such files reads alike: it looks nothing up, escapes nothing and ends where it began."""
_NAMED = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*(?:[=:]|$)", re.MULTILINE)
_UNSET = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_VALUE = re.compile(
    r"((?:unterminated quoted value|variable name|Invalid template:|required variable|missing a value)).*", re.DOTALL
)


def read(files: Iterable[str], folder: Path) -> dict[str, str]:
    """The variables of these files, as Compose reads them; later files override earlier ones. Raises ConfigError.

    Plain lines mean the same to everyone and are read here. As soon as there is another one, Compose reads all files,
    which takes 0.15 s: docs/decisions/variables-files.md.
    """
    found: dict[str, str] = {}
    every = tuple(files)
    for text in [_text(name, folder) for name in every]:
        values, other = plain(text)
        if other:
            return _read_by_compose(every, folder)
        found |= values
    return found


def origins(files: Iterable[str], folder: Path) -> dict[str, str]:
    """Name → the last of these files that has a line for it."""
    return {name: file for file in files for name in names(_text(file, folder))}


def names(text: str) -> frozenset[str]:
    """The names of which such a file has a line, whatever their values are."""
    return frozenset(_NAMED.findall(text))


def plain(text: str) -> tuple[dict[str, str], int]:
    """The values of lines that mean the same to everyone, and the number of the first other line, or 0."""
    found: dict[str, str] = {}
    for at, line in enumerate(text.split("\n"), 1):
        match = _PLAIN.fullmatch(line.removesuffix("\r"))
        if match is None:
            return found, at
        if name := match["name"]:
            found[name] = next((value for value in match.group("single", "double", "bare") if value is not None), "")
    return found, 0


def _text(name: str, folder: Path) -> str:
    try:
        return (folder / name).read_bytes().decode()
    except OSError as error:
        raise ConfigError(
            f"{name}: {error.strerror}.", hint="correct `variables` in tagship.yml, which names this file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name} isn't UTF-8.", hint="save it as UTF-8") from None


def _read_by_compose(names: Iterable[str], folder: Path) -> dict[str, str]:
    paths = [str(folder.absolute() / name) for name in names]
    service = {"image": "x", "env_file": [path.replace("$", "$$") for path in paths]}
    model = as_yaml({"name": "x", "services": {"x": service}})
    argv = ["--env-file", "/dev/null", "-f", "-", "config", "--format", "json"]
    try:
        said = programs.run([*command(), *argv], stdin=model, fails_as=ConfigError)
    except ConfigError as error:
        raise ConfigError(_placed(_shown(error.problem, folder), names, folder), hint="correct that line") from None
    if unset := sorted(set(_UNSET.findall(said.err))):
        where = ", ".join(_referring(unset, names, folder)) or ", ".join(names)
        raise ConfigError(
            f"{where} refers to a variable that isn't set.",
            hint="put the value in single quotes if it has a dollar sign of its own",
        )
    found = json.loads(said.out)["services"]["x"].get("environment") or {}
    return {name: value.replace("$$", "$") for name, value in found.items()}


def _referring(unset: Iterable[str], names: Iterable[str], folder: Path) -> Iterator[str]:
    """FILE:LINE, of each line that refers to one of these; what looks like a name may be part of a secret."""
    reference = re.compile(rf"\$\{{?(?:{'|'.join(map(re.escape, unset))})\b")
    for name in names:
        for at, line in enumerate(_text(name, folder).split("\n"), 1):
            if reference.search(line):
                yield f"{name}:{at}"


def _placed(said: str, names: Iterable[str], folder: Path) -> str:
    """`FILE:LINE: ` and what is wrong there; without a number from Compose, the first line that isn't plain."""
    name, _, rest = said.partition(": ")
    if name not in names:
        return said
    if numbered := re.fullmatch(r"line (\d+): (.*)", rest, re.DOTALL):
        return f"{name}:{numbered[1]}: {numbered[2].rstrip(':')}."
    return f"{name}:{plain(_text(name, folder))[1]}: {rest.rstrip(':')}."


def _shown(said: str, folder: Path) -> str:
    """What Compose said of a file, without the value that it tripped over."""
    return _VALUE.sub(r"\1", said.replace(f"{folder.absolute()}/", "").partition("failed to read ")[2] or said)
