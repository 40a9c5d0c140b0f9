"""Turns what Compose says of a file that it refuses into the file, the line, and what to do."""

import re
from collections.abc import Iterable
from pathlib import Path

from tagship.errors import ConfigError
from tagship.system import yaml_lines

_PLACED = re.compile(
    r"(?:failed to parse |yaml: )?(?P<file>[^:]+): (?:yaml: )?line (?P<line>\d+): (?P<said>.+)", re.DOTALL
)
_INVALID = re.compile(r"validating (?P<file>[^:]+): +(?:(?P<keys>(?!additional )[\w.-]+) )?(?P<said>.+)", re.DOTALL)
_UNKNOWN = re.compile(r"additional properties '(?P<key>[^']+)' not allowed")
_EXTENDED = re.compile(r'cannot extend service "(?P<name>[^"]+)" in (?P<file>[^:]+): (?P<said>.+)', re.DOTALL)
_ABSENT = re.compile(r"open (?P<file>[^:]+): no such file or directory")
_REFERENCE = "https://docs.docker.com/reference/compose-file/"


def explained(error: ConfigError, files: Iterable[str], folder: Path) -> ConfigError:
    """The same refusal, with FILE:LINE where Compose or the file shows it."""
    _, _, rest = error.problem.partition(": ")
    said = rest.replace(f"{folder.resolve()}/", "").replace(f"{folder}/", "").strip()
    if absent := _ABSENT.fullmatch(said):
        return ConfigError(
            f"There is no {absent['file']}.", hint="write the Compose file's name into tagship.yml: compose: NAME"
        )
    if said == "empty compose file":
        return ConfigError(f"{', '.join(files)} is empty.", hint="add services to it")
    if placed := _PLACED.fullmatch(said):
        return ConfigError(f"{placed['file']}:{placed['line']}: {placed['said']}.", hint="correct that line")
    if extended := _EXTENDED.fullmatch(said):
        at = _at(folder, extended["file"], ["services", extended["name"]])
        return ConfigError(f"{at}: {extended['name']} can't extend: {extended['said']}.", hint="correct `extends`")
    if invalid := _INVALID.fullmatch(said):
        return _invalid(folder, invalid["file"], (invalid["keys"] or "").split("."), invalid["said"])
    return ConfigError(f"Compose says: {said}.", hint=f"correct the Compose file; {_REFERENCE} describes it")


def _invalid(folder: Path, file: str, keys: list[str], said: str) -> ConfigError:
    """A key that the schema doesn't know, or a value of the wrong kind."""
    keys = [key for key in keys if key]
    if unknown := _UNKNOWN.search(said):
        keys, said = [*keys, unknown["key"]], "unknown key"
    said = said.replace("must be a array", "must be a list").replace("must be a mapping", "must be a table")
    text = f"{_at(folder, file, keys)}: {'.'.join(keys)}: {said}."
    return ConfigError(text, hint=f"correct it; {_REFERENCE} lists the keys")


def _at(folder: Path, file: str, keys: list[str]) -> str:
    try:
        node = yaml_lines.read((folder / file).read_text())
    except (OSError, UnicodeDecodeError):
        return file
    return f"{file}:{yaml_lines.line(node, keys)[0]}"
