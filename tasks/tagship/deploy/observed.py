"""The state of an environment at one moment, as plain data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tagship.deploy.canary import UnderWay
from tagship.deploy.rollback_plan import Former, RollbackPlan, is_back
from tagship.migrations.inspection import Change
from tagship.proof.ledger import Entry
from tagship.release.model import Record, Release


@dataclass(frozen=True)
class Standing:
    """A release's containers on the engine: service → how many, and how many of them run."""

    name: str
    created: float
    """When its first container was created, seconds since the epoch."""
    running: Mapping[str, int] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict)
    fresh: Mapping[str, int] = field(default_factory=dict)
    """Service → how many of its containers were never started."""

    @property
    def runs(self) -> bool:
        """Whether any of its containers runs."""
        return any(self.running.values())


@dataclass(frozen=True)
class Routing:
    """How the edge serves an environment."""

    stands: bool = True
    """Whether it serves the live release's routes, at the environment's URL and nowhere else."""
    here: bool = True
    """Whether it serves anything at the environment's URL."""
    elsewhere: tuple[str, ...] = ()
    """Other URLs of the environment: `url` has changed, and no release is proven at the new one yet."""
    held: bool = False
    """Whether it answers for maintenance instead, as during a restore."""
    closed: bool = False
    """Whether it answers 503 to visitors, because maintenance is on."""
    taken: str = ""
    """Which other environment has this host; empty for none."""


@dataclass(frozen=True)
class Observed:
    """An environment at one moment."""

    live: str = ""
    """The release that requests reach; empty before the first deploy."""
    live_record: Record | None = None
    """The live release's record; None if there is none, or none that can be read."""
    key: bytes = field(default=b"", repr=False)
    """The key for hashing configurations; empty before the first deploy."""
    releases: tuple[Standing, ...] = ()
    empty: tuple[str, ...] = ()
    """Releases that have only a network left."""
    one_offs: tuple[str, ...] = ()
    """Containers of running migrations, left by killed deploys."""
    accessories: Mapping[str, str] = field(default_factory=dict)
    """Accessory → the engine's state of its container: running, exited, …; `ended` for a one-shot that succeeded."""
    disk_free: int | None = None
    """Free bytes where the engine keeps volumes; None if not measured."""
    memory_free: int | None = None
    """Bytes that new processes can use without swapping."""
    history: tuple[Entry, ...] = ()
    routing: Routing = Routing()
    canary: UnderWay | None = None
    """A canary under way; while a deploy observes, one that a killed deploy left."""
    remarks: tuple[str, ...] = ()
    """What couldn't be read and was skipped, one line each."""

    @property
    def live_release(self) -> Release | None:
        """The live release, from its record."""
        return self.live_record.release if self.live_record else None

    @property
    def good(self) -> str:
        """The last release that the ledger proves; empty if there is none."""
        return next((entry.release for entry in reversed(self.history) if entry.proves), "")

    @property
    def proven(self) -> bool:
        """Whether the ledger proves the live release. A deploy that was killed after its cutover recorded nothing."""
        return self.live == self.good

    @property
    def former(self) -> Former:
        """The live release, and the schema on which it was proven, or to which its database was brought back since."""
        known = (e for e in reversed(self.history) if is_back(e) or (e.proves and e.release == self.live))
        proof = next(known, None)
        return Former(self.live, proof.migrations if proof else ())

    def runs(self, name: str) -> bool:
        """Whether any container of a release runs."""
        standing = self.standing(name)
        return standing is not None and standing.runs

    def standing(self, name: str) -> Standing | None:
        """The containers of one release, if there are any."""
        return next((release for release in self.releases if release.name == name), None)

    def stopped(self, accessories: Iterable[str]) -> tuple[str, ...]:
        """The accessories among these that are stopped, and only need to be started."""
        return tuple(name for name in accessories if self.accessories.get(name) == "exited")


@dataclass(frozen=True)
class Migrated:
    """The result of a migration: what was applied, and each app's last migration afterwards."""

    applied: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    way_back: RollbackPlan | None = field(default=None, compare=False)
    """How to go back to the release before; None if there is none, or if nobody looked."""
    changes: tuple[Change, ...] = field(default=(), compare=False)
    """What is known of the migrations that differ from the release before."""
    findings: tuple[str, ...] = ()
    """What the app's linter says of the pending ones."""
