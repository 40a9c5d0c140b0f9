"""An environment's variables and secrets: files of NAME=value lines, and the process's environment."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tagship.errors import ConfigError
from tagship.system.programs import PASSED_ON

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
SHELLS_OWN = frozenset(
    {*PASSED_ON, "PWD", "OLDPWD", "SHELL", "TERM", "HOSTNAME", "LOGNAME", "SHLVL", "EDITOR", "TZ", "DEBUG", "CI"}
)
"""What any shell or CI job has: the deployer's, not the environment's. A secret of such a name needs `env://PREFIX_`."""
_QUOTED = re.compile(r"""(["'])(.*)\1(\s+\#.*)?""")


def read(files: Iterable[str], folder: Path) -> dict[str, str]:
    """The variables of some files, later ones over earlier. Raises ConfigError with file and line."""
    found: dict[str, str] = {}
    for name in files:
        path = folder / name
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise ConfigError(f"{name}: {error.strerror}.", hint="`variables` in tagship.yml names this file") from None
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            match = _LINE.fullmatch(text)
            if not match:
                raise ConfigError(f"{name}:{number}: no NAME=value.")
            found[match[1]] = _unquoted(match[2], f"{name}:{number}")
    return found


def secrets(source: str, wanted: Iterable[str]) -> dict[str, str]:
    """Those of the wanted names that a source has. `env://PREFIX_`: PREFIX_NAME of this process's environment.

    Raises ConfigError for a source this version doesn't know.
    """
    kind, _, prefix = source.partition("://")
    if kind != "env":
        raise ConfigError(f"secrets: {source!r} is no source this version knows.", hint="write env:// or env://PREFIX_")
    taken = (name for name in wanted if prefix or name not in SHELLS_OWN)
    return {name: os.environ[prefix + name] for name in taken if prefix + name in os.environ}


def _unquoted(value: str, where: str) -> str:
    """`"a b"` and `'a b'` without quotes; ` # comment` behind a value is dropped."""
    if quoted := _QUOTED.fullmatch(value):
        return quoted[2]
    if value[:1] in {'"', "'"}:
        raise ConfigError(f"{where}: the quote isn't closed.", hint="a value of several lines can be a secret")
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()
