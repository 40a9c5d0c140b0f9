"""The outside world on one screen: what is observed of an environment, and what a plan may do to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tagship.ledger import Entry
from tagship.model import Release, Rendered, Served


@dataclass(frozen=True)
class Standing:
    """A release's containers as the engine has them: service → how many run of how many."""

    name: str
    created: float
    """When its first container was created, seconds since the epoch."""
    running: Mapping[str, int] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether any container of it runs."""
        return any(self.running.values())


@dataclass(frozen=True)
class Routing:
    """How the edge serves an environment."""

    stands: bool = True
    """Whether it serves the live release's routes, at the environment's URL and nowhere else."""
    here: bool = True
    """Whether it serves anything at the environment's URL."""
    elsewhere: tuple[str, ...] = ()
    """Other URLs it serves the environment at: `url` has changed, and no release has been proven there yet."""


@dataclass(frozen=True)
class Observed:
    """An environment at one moment."""

    live: str = ""
    """The release that requests reach; empty before the first deploy."""
    live_release: Release | None = None
    releases: tuple[Standing, ...] = ()
    accessories: Mapping[str, str] = field(default_factory=dict)
    """Accessory → the engine's state of its container: running, exited, …; `ended` for one that ended as it should."""
    disk_free: int | None = None
    """Bytes free where the engine keeps volumes; None where nobody looked."""
    memory_free: int | None = None
    """Bytes that new processes may take without swapping."""
    history: tuple[Entry, ...] = ()
    routing: Routing = Routing()

    def standing(self, name: str) -> Standing | None:
        """The containers of one release, if there are any."""
        return next((release for release in self.releases if release.name == name), None)

    def stopped(self, accessories: Iterable[str]) -> tuple[str, ...]:
        """Those of some accessories that need only be started."""
        return tuple(name for name in accessories if self.accessories.get(name) == "exited")


@dataclass(frozen=True)
class Migrated:
    """What a migration did: those applied now, and every app's leaf afterwards."""

    applied: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()


class Target(Protocol):
    """An environment that a plan is applied to. Each method is one planned effect; any may raise TagshipError."""

    def observe(self) -> Observed:
        """Look at everything a plan depends on."""

    def still_ours(self) -> None:
        """Look at the lock again. Raises LockedError when it was lost."""

    def pull(self, images: Sequence[str]) -> None:
        """Fetch images by digest, all at once, those that aren't there."""

    def revive(self, accessories: Sequence[str]) -> None:
        """Start accessories that were stopped, and wait until they are ready."""

    def prepare(self, rendered: Rendered) -> None:
        """Keep the release's record, and make its network and volumes."""

    def create(self, rendered: Rendered) -> None:
        """Make a release's containers, started by nobody yet."""

    def migrate(self, rendered: Rendered, *, dry_run: bool = False) -> Migrated:
        """Apply what is pending in one-offs of the new image, then verify that nothing is; or only look."""

    def start(self, rendered: Rendered, services: Sequence[str]) -> None:
        """Start services, dependencies first, and wait until they are ready."""

    def serve(
        self, candidate: Served, live: Served, *, to: str = "", elsewhere: Sequence[str] = (), here: bool = True
    ) -> None:
        """Have the edge serve these routes; nothing happens when it does already.

        With `to`, a cutover to that release changes the live routes to the candidate's in the same instant. `elsewhere`
        are URLs beside the environment's own, at which nothing is served unless `here`.
        """

    def smoke_test(self, release: str, *, candidate: bool) -> None:
        """Run the smoke tests through the edge, as a bearer of the deploy's key or as anybody."""

    def cutover(self, release: str) -> None:
        """Switch traffic, in one atomic change."""

    def bake(self, release: str, seconds: float) -> None:
        """Watch a release for a while after cutover."""

    def drain(self, release: str, seconds: float) -> None:
        """Wait until no request is in flight to a release, at most so long."""

    def stop(self, release: str, services: Sequence[str]) -> None:
        """Stop containers of a release; all of them when no service is named."""

    def resume(self, release: str, services: Sequence[str]) -> None:
        """Start stopped services of a release, without waiting for them."""

    def remove(self, release: str) -> None:
        """Remove a release's containers and network. Its volumes and images stay."""

    def last_line(self) -> str:
        """The ledger's last line; empty before the first."""

    def record(self, line: str) -> None:
        """Append a line to the ledger."""
