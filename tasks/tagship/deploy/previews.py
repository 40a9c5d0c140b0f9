"""Decides which previews have expired, and whether there is room for one more. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tagship.errors import CheckError
from tagship.proof import ledger
from tagship.proof.ledger import Action, Entry


@dataclass(frozen=True)
class Preview:
    """A preview that has anything on the server. Times are the server's, seconds since the epoch."""

    number: int
    touched: float
    """When its files were last changed, or its newest container or volume was created."""
    live: str = ""
    """The live release; empty if none ever was."""
    history: Sequence[Entry] = ()
    marked: bool = True
    """Whether the edge's files say that `preview.up` made it, and not a person who calls an environment prNUMBER."""

    @property
    def deployed(self) -> Entry | None:
        """The last deploy, good or failed."""
        return next((entry for entry in reversed(self.history) if entry.action == str(Action.DEPLOY)), None)

    @property
    def since(self) -> float:
        """When its time began to run: at its last deploy, if it has got so far."""
        deployed = self.deployed
        try:
            return datetime.fromisoformat(deployed.at).timestamp() if deployed else self.touched
        except ValueError:
            return self.touched

    @property
    def seeded(self) -> bool:
        """Whether its database was filled."""
        return any(entry.action == str(Action.SEED) and entry.result == ledger.GOOD for entry in self.history)


@dataclass(frozen=True)
class PreviewNow:
    """A preview on the server. Times are ISO 8601."""

    number: int
    environment: str
    url: str
    tag: str
    """The commit of the last deploy; empty before the first."""
    state: Literal["live", "failed", "starting"]
    """How the last deploy ended."""
    by: str
    since: str
    """When it was last deployed; before the first deploy, when it was made."""
    expires: str


def expired(previews: Iterable[Preview], ttl: float, now: float) -> list[Preview]:
    """Those whose last deploy is at least `ttl` seconds ago; of the others nobody knows that they may go."""
    return [each for each in previews if each.marked and each.since + ttl <= now]


def refuse_more(previews: Iterable[Preview], number: int, most: int) -> None:
    """Raises CheckError if there is no room for a preview that isn't there yet."""
    others = sorted(each.number for each in previews)
    if number not in others and len(others) >= most:
        raise CheckError(
            f"There are {len(others)} previews, and `previews.most` is {most}: {', '.join(map(str, others))}.",
            hint=f"remove one: tagship preview.down {others[0]}",
        )
