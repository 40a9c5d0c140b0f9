"""An environment's secrets: which store each URI means, and the stores' answers merged in order."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from tagship.errors import ConfigError, ToolError
from tagship.secret import Secret
from tagship.system.parallel import started
from tagship.variables.store import Found, Store, bounded

WITHIN = 35.0
"""Seconds after which a store counts as out of reach, whatever it is doing."""
BRIEFLY = 2.0
"""Seconds that stores still get after another one failed."""
AMBIENT = "env://"
"""The environment without a prefix, which has more than an app's secrets."""
FORMS = {
    "env": "env://[PREFIX_]",
    "dotenv": "dotenv://PATH",
    "aws-sm": "aws-sm://NAME[/][?region=REGION]",
    "aws-ssm": "aws-ssm://PATH[?region=REGION]",
    "vault": "vault://MOUNT/PATH[?address=URL]",
    "sops": "sops://FILE",
    "command": "command://PROGRAM ARGUMENT…",
}
"""Scheme → how such a URI is written."""


@dataclass(frozen=True)
class Given:
    """A secret of an environment, and where it comes from."""

    found: Found
    origin: str
    """The URI of the store whose value counts: the last one that has it."""
    overridden: tuple[str, ...] = ()
    """Earlier stores that have another value."""

    @property
    def value(self) -> Secret:
        """The value."""
        return self.found.value

    @property
    def changed(self) -> datetime | None:
        """When it was last changed, if the store knows."""
        return self.found.changed


def open_store(uri: str, folder: Path) -> Store:
    """The store of a URI; paths are relative to the folder. Raises ConfigError, or ToolError without its extra."""
    match uri.partition("://")[0]:
        case "env":
            from tagship.variables.stores.environment import EnvironmentStore

            return EnvironmentStore(uri)
        case "dotenv":
            from tagship.variables.stores.dotenv import DotenvStore

            return DotenvStore(uri, folder)
        case "command":
            from tagship.variables.stores.command import CommandStore

            return CommandStore(uri, folder)
        case "vault":
            from tagship.variables.stores.vault import VaultStore

            return VaultStore(uri)
        case "aws-sm" | "aws-ssm":
            return _aws(uri)
        case "sops":
            from tagship.variables.stores.sops import SopsStore

            return SopsStore(uri, folder)
    forms = ", ".join(FORMS.values())
    raise ConfigError(f"secrets: {uri!r} isn't a known store.", hint=f"use one of {forms}")


def read(uris: Sequence[str], wanted: Iterable[str], folder: Path, given: Iterable[str] = ()) -> dict[str, Given]:
    """The wanted secrets that the stores have; later stores override earlier ones. Raises SecretsError, ConfigError.

    All stores are asked at once. `given`: names that files give, too; the shell's own environment isn't asked for them.
    """
    names, known = frozenset(wanted), frozenset(given)
    stores = [open_store(uri, folder) for uri in uris]
    asked = [(store, names if store.uri == AMBIENT else names | known) for store in stores]
    asked = [(store, wanted) for store, wanted in asked if wanted]
    found: dict[str, Given] = {}
    for (store, _), values in zip(asked, _answers(asked), strict=True):
        for name in sorted(values):
            before = found.get(name)
            earlier = (*before.overridden, before.origin) if before and before.value != values[name].value else ()
            found[name] = Given(values[name], store.uri, earlier)
    return found


def values(uris: Sequence[str], wanted: Iterable[str], folder: Path) -> dict[str, Secret]:
    """The same, without where they come from."""
    return {name: given.value for name, given in read(uris, wanted, folder).items()}


def shown(uris: Sequence[str]) -> str:
    """The stores, for a hint."""
    return ", ".join(uris) or "nowhere"


def _aws(uri: str) -> Store:
    try:
        from tagship.variables.stores.aws_sm import SecretsManagerStore
        from tagship.variables.stores.aws_ssm import ParameterStore
    except ModuleNotFoundError as error:
        raise ToolError(f"{error.name} is not installed.", hint="run pip install 'tagship[aws]'") from None
    return SecretsManagerStore(uri) if uri.startswith("aws-sm:") else ParameterStore(uri)


def _answers(asked: Sequence[tuple[Store, frozenset[str]]]) -> list[Mapping[str, Found]]:
    """All stores' answers. If one fails, the others get a moment to log out before its error is raised."""
    running = [started(partial(_read, *one)) for one in asked]
    failed = [each for each in wait(running, return_when=FIRST_EXCEPTION).done if each.exception()]
    if failed:
        wait(running, BRIEFLY)
    return [each.result() for each in failed or running]


def _read(store: Store, wanted: frozenset[str]) -> Mapping[str, Found]:
    return bounded(store.uri, WITHIN, lambda: store.read(wanted))
