"""The port of secret stores. `variables/stores/` has them, and `variables/secrets.py` says which one a URI means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

from tagship.errors import SecretsError
from tagship.secret import Secret
from tagship.system.parallel import within

Result = TypeVar("Result")
UNSURE = "look with `tagship secrets.list` whether it was changed, then repeat it"
"""What to do when a write got no answer."""


@dataclass(frozen=True)
class Found:
    """A secret in a store."""

    value: Secret
    version: str = ""
    """What the store calls this version of it; empty if it counts none."""
    changed: datetime | None = None
    """When it was last changed, with a time zone, if the store knows."""


class Store(Protocol):
    """Knows secrets by name."""

    uri: str
    """As tagship.yml has it; it contains no credentials."""

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """Those of the wanted secrets that the store has.

        Raises SecretsError if the store can't be reached, refuses, doesn't exist, or holds something else than secrets.
        """


@runtime_checkable
class WritableStore(Store, Protocol):
    """A store that `secrets.set` can write to."""

    def write(self, name: str, value: Secret) -> str:
        """Set one secret and keep all others. Returns the new version, or an empty text.

        Raises SecretsError; nothing is changed then, unless the store gave no answer in time. Somebody else's change at
        the same time is never overwritten where the store can tell.
        """


def bounded(
    what: str, seconds: float, call: Callable[[], Result], hint: str = "check that it can be reached"
) -> Result:
    """The result of asking a store. Raises SecretsError if that takes longer, whatever the network does."""
    try:
        return within(seconds, call)
    except TimeoutError:
        raise SecretsError(f"{what} gave no answer in {seconds:g} s.", hint=hint) from None
