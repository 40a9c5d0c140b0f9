"""Reads an environment's variables from files of NAME=value lines, and its secrets from the process's environment."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from tagship.errors import ConfigError
from tagship.system import programs
from tagship.system.compose_program import as_yaml, command
from tagship.system.programs import PASSED_ON

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
_UNSET = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_VALUE = re.compile(r"((?:unterminated quoted value|variable name|Invalid template:)).*", re.DOTALL)
SHELLS_OWN = frozenset(
    {*PASSED_ON, "PWD", "OLDPWD", "SHELL", "TERM", "HOSTNAME", "LOGNAME", "SHLVL", "EDITOR", "TZ", "DEBUG", "CI"}
)
"""Names that any shell or CI job sets, for the deployer and not for the app. Such a secret needs `env://PREFIX_`."""


def read(files: Iterable[str], folder: Path) -> dict[str, str]:
    """The variables of these files, as Compose reads them; later files override earlier ones. Raises ConfigError.

    Plain lines mean the same to everyone and are read here. As soon as there is another one, Compose reads all files,
    which takes 0.15 s: docs/decisions/variables-files.md.
    """
    found: dict[str, str] = {}
    names = tuple(files)
    texts = [_text(name, folder) for name in names]
    for line in (line.removesuffix("\r") for text in texts for line in text.split("\n")):
        plain = _PLAIN.fullmatch(line)
        if plain is None:
            return _read_by_compose(names, folder)
        if name := plain["name"]:
            found[name] = next((value for value in plain.group("single", "double", "bare") if value is not None), "")
    return found


def secrets(source: str, wanted: Iterable[str]) -> dict[str, str]:
    """The secrets with these names in a source; `env://PREFIX_` reads PREFIX_NAME from this process's environment.

    Raises ConfigError for an unknown source.
    """
    kind, _, prefix = source.partition("://")
    if kind != "env":
        raise ConfigError(f"secrets: {source!r} isn't a known source.", hint="write env:// or env://PREFIX_")
    taken = (name for name in wanted if prefix or name not in SHELLS_OWN)
    return {name: os.environ[prefix + name] for name in taken if prefix + name in os.environ}


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
        raise ConfigError(_shown(error.problem, folder), hint="correct that line") from None
    if unset := sorted(set(_UNSET.findall(said.err))):
        raise ConfigError(
            f"{', '.join(names)}: ${', $'.join(unset)} isn't set.",
            hint="put the value in single quotes if it has a dollar sign of its own",
        )
    found = json.loads(said.out)["services"]["x"].get("environment") or {}
    return {name: value.replace("$$", "$") for name, value in found.items()}


def _shown(said: str, folder: Path) -> str:
    """What Compose said of a file, without the value that it tripped over."""
    return _VALUE.sub(r"\1", said.replace(f"{folder.absolute()}/", "").partition("failed to read ")[2] or said)
