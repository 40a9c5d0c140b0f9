"""Reads an environment's variables from files of NAME=value lines, and its secrets from the process's environment."""

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
"""Names that any shell or CI job sets, for the deployer and not for the app. Such a secret needs `env://PREFIX_`."""
_QUOTED = re.compile(r"""(["'])(.*)\1(\s+\#.*)?""")


def read(files: Iterable[str], folder: Path) -> dict[str, str]:
    """The variables of these files; later files override earlier ones. Raises ConfigError with file and line."""
    found: dict[str, str] = {}
    for name in files:
        path = folder / name
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise ConfigError(
                f"{name}: {error.strerror}.", hint="correct `variables` in tagship.yml, which names this file"
            ) from None
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            match = _LINE.fullmatch(text)
            if not match:
                raise ConfigError(f"{name}:{number}: not NAME=value.")
            found[match[1]] = _unquoted(match[2], f"{name}:{number}")
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


def _unquoted(value: str, where: str) -> str:
    """Remove quotes, as in `"a b"` and `'a b'`, or a ` # comment` after the value."""
    if quoted := _QUOTED.fullmatch(value):
        return quoted[2]
    if value[:1] in {'"', "'"}:
        raise ConfigError(
            f"{where}: the quote isn't closed.", hint="close it; if the value has several lines, make it a secret"
        )
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()
