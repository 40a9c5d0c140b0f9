"""The outside world on one screen: what is observed of an environment, and what a plan may do to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tagship.proof.ledger import Entry
from tagship.release.model import Record, Release, Rendered, Served


@dataclass(frozen=True)
class Standing:
    """A release's containers as the engine has them: service → how many run of how many."""

    name: str
    created: float
    """When its first container was created, seconds since the epoch."""
    running: Mapping[str, int] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict)
    fresh: Mapping[str, int] = field(default_factory=dict)
    """Service → how many of its containers were never started."""

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
    taken: str = ""
    """Who else is served at the environment's host, and as what; empty for nobody."""


@dataclass(frozen=True)
class Observed:
    """An environment at one moment."""

    live: str = ""
    """The release that requests reach; empty before the first deploy."""
    live_record: Record | None = None
    """What is kept of the live release; None where nothing is, or nothing that can be read."""
    key: bytes = field(default=b"", repr=False)
    """What configurations are hashed with; empty before the first deploy."""
    releases: tuple[Standing, ...] = ()
    empty: tuple[str, ...] = ()
    """Releases of which only a network is there."""
    one_offs: tuple[str, ...] = ()
    """Containers of migrations that run just now, those of killed deploys."""
    accessories: Mapping[str, str] = field(default_factory=dict)
    """Accessory → the engine's state of its container: running, exited, …; `ended` for one that ended as it should."""
    disk_free: int | None = None
    """Bytes free where the engine keeps volumes; None where nobody looked."""
    memory_free: int | None = None
    """Bytes that new processes may take without swapping."""
    history: tuple[Entry, ...] = ()
    routing: Routing = Routing()
    remarks: tuple[str, ...] = ()
    """What couldn't be read and was passed over, a line each."""

    @property
    def live_release(self) -> Release | None:
        """The release that requests reach, as its record says."""
        return self.live_record.release if self.live_record else None

    @property
    def good(self) -> str:
        """The last release that the ledger proves; empty when there is none."""
        return next((entry.release for entry in reversed(self.history) if entry.proves), "")

    @property
    def proven(self) -> bool:
        """Whether the ledger proves what is live: a deploy that was killed after its cutover recorded nothing."""
        return self.live == self.good

    def runs(self, name: str) -> bool:
        """Whether a release has containers that run."""
        standing = self.standing(name)
        return standing is not None and standing.runs

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

    def release(self, name: str) -> Record | None:
        """Read what was kept of a release."""

    def record(self, entry: Entry) -> None:
        """Append to the ledger, chained to the line before."""
