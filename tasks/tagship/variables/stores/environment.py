"""`env://[PREFIX_]`: the environment of this process."""

import os
from collections.abc import Iterable, Mapping

from tagship.errors import ConfigError
from tagship.secret import Secret
from tagship.system.programs import PASSED_ON
from tagship.variables.store import Found

SCHEME = "env://"
SHELLS_OWN = frozenset(
    {*PASSED_ON, "PWD", "OLDPWD", "SHELL", "TERM", "HOSTNAME", "LOGNAME", "SHLVL", "EDITOR", "TZ", "DEBUG", "CI"}
)
"""Names that any shell or CI job sets, for the deployer and not for the app. Such a secret needs `env://PREFIX_`."""


class EnvironmentStore:
    """NAME is the variable PREFIX_NAME. Without a prefix, the shell's own variables aren't taken for secrets."""

    def __init__(self, uri: str) -> None:
        """Raises ConfigError if the prefix is no beginning of a variable's name."""
        self.uri = uri
        self.prefix = uri.removeprefix(SCHEME)
        if self.prefix and not self.prefix.isidentifier():
            raise ConfigError(
                f"secrets: {uri!r} has a prefix that no variable begins with.", hint="write env://PREFIX_"
            )

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """Those that are set."""
        taken = (name for name in wanted if self.prefix or name not in SHELLS_OWN)
        return {
            name: Found(Secret(os.environ[self.prefix + name])) for name in taken if self.prefix + name in os.environ
        }


def prefixes(uris: Iterable[str]) -> list[str]:
    """The prefixes of those sources that are the environment; one without a prefix counts as an empty text."""
    return [uri.removeprefix(SCHEME) for uri in uris if uri.startswith(SCHEME)]
