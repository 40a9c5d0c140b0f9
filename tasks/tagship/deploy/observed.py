"""An environment at one moment, as plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tagship.proof.ledger import Entry
from tagship.release.model import Record, Release


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
