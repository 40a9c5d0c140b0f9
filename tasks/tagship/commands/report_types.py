"""The types of what `--json` prints, where it isn't a value of another module."""

from dataclasses import dataclass, field
from typing import Any, Literal

from tagship.backups import archive, drill, point_in_time
from tagship.backups.store import Protection
from tagship.deploy.outcome import Outcome
from tagship.images.embedded import Standing
from tagship.sentry.health import Signal, Verdict
from tagship.sentry.release import Subject
from tagship.variables.check import What


@dataclass(frozen=True)
class Planned:
    """What a run with `--dry-run` would do."""

    dry_run: Literal[True]
    plan: list[str]
    """Lines for people."""


@dataclass(frozen=True)
class Done(Outcome):
    """What a deploy or a rollback did."""

    steps: dict[str, float] = field(kw_only=True)
    """Step → seconds."""
    calls: int = field(kw_only=True)
    """Requests to the engine."""


@dataclass(frozen=True)
class LedgerVerified:
    """The ledger's hash chain, with `--verify`."""

    lines: int
    breaks: list[str]
    """What is wrong with it, one line each."""


@dataclass(frozen=True)
class SmokeTested:
    """Smoke tests that passed."""

    environment: str
    url: str
    checks: int
    """How many there are."""
    seconds: float


@dataclass(frozen=True)
class Built:
    """The images of a commit."""

    tag: str
    built: list[str]
    """Images that were built now; the registry has the others already."""
    images: dict[str, str]
    """Image → repository."""


@dataclass(frozen=True)
class Pushed:
    """The images that the registry has now."""

    tag: str
    images: dict[str, str]
    """Image → reference by digest."""


@dataclass(frozen=True)
class Line:
    """A line that a container printed; each is a document of its own."""

    at: str
    """ISO 8601 in UTC, with nanoseconds."""
    service: str
    container: str
    release: str
    """APP-ENV-accessories for an accessory."""
    stream: Literal["stdout", "stderr"]
    text: str
    fields: dict[str, Any] | None
    """Of a line that is a JSON object."""


@dataclass(frozen=True)
class Checked:
    """One check of `doctor`."""

    check: str
    mark: Literal["good", "bad", "unknown"]
    text: str
    todo: str
    """What to do about it; empty if there is nothing to do."""


@dataclass(frozen=True)
class Different:
    """Accessories as the Compose file has them, and as they run."""

    differ: dict[str, tuple[str, ...]]
    """Accessory → what differs, without values."""
    missing: list[str]
    """Accessories without a container."""
    dropped: list[str]
    """Accessories that run and are not in tagship.yml any more."""


@dataclass(frozen=True)
class Maintained:
    """Maintenance after `maintenance.on` or `maintenance.off`."""

    environment: str
    on: bool
    was: bool
    dry_run: bool


@dataclass(frozen=True)
class Registry(Standing):
    """The embedded registry on this machine."""

    app: str = field(kw_only=True)
    address: str = field(kw_only=True)
    """`localhost:PORT`."""


@dataclass(frozen=True)
class RegistryStopped:
    """What went of the embedded registry."""

    app: str
    removed: list[str]
    dry_run: bool


@dataclass(frozen=True)
class Removed:
    """What went with an environment."""

    place: str
    """APP-ENV."""
    steps: list[str]
    dry_run: bool
    left: list[str]
    """What stays on the server, one line each, for people."""


@dataclass(frozen=True)
class PrunedPreviews:
    """Which previews `preview.prune` removed, by their numbers."""

    removed: list[int]
    dry_run: bool


@dataclass(frozen=True)
class CandidateLink:
    """A candidate that waits for a decision."""

    environment: str
    release: str
    url: str
    """Whoever has it sees the candidate."""


@dataclass(frozen=True)
class PrunedImage:
    """An image that went."""

    name: str
    id: str


@dataclass(frozen=True)
class Pruned:
    """What `prune` removed."""

    releases: list[str]
    images: list[PrunedImage]
    bytes: int
    """Space that it freed."""
    steps: list[str]
    """Lines for people."""
    dry_run: bool


@dataclass(frozen=True)
class Problem:
    """A problem of variables or secrets."""

    what: What
    names: tuple[str, ...]
    text: str
    """In one line, without a value."""
    refuses: bool
    """Whether a deploy refuses it; otherwise it is a note."""


@dataclass(frozen=True)
class SecretsChecked:
    """What is wrong with an environment's variables and secrets."""

    environment: str
    problems: list[Problem]


@dataclass(frozen=True)
class SecretRow:
    """One secret without its value."""

    name: str
    origin: str
    """The store's URI; empty if nothing gives it a value."""
    version: str
    changed: str | None
    """ISO 8601; None if the store doesn't know."""
    users: tuple[str, ...]
    """Services, accessories and builds."""


@dataclass(frozen=True)
class Secrets:
    """An environment's secrets."""

    environment: str
    secrets: list[SecretRow]


@dataclass(frozen=True)
class KeptBackup:
    """A backup, and whether it stays."""

    id: str
    at: str
    size: int
    """Bytes."""
    whole: bool
    """Whether it was finished."""
    pinned: bool
    stays: bool
    why: str


@dataclass(frozen=True)
class ListedBackup(KeptBackup):
    """A backup of `backup.list`."""

    pin: str
    """Why it is pinned."""


@dataclass(frozen=True)
class PrunedBackups:
    """What `backup.prune` removed."""

    removed: list[KeptBackup]
    bytes: int
    dry_run: bool
    stay: list[KeptBackup]


@dataclass(frozen=True)
class Pinned:
    """A backup after `backup.pin` or `backup.unpin`."""

    id: str
    pinned: bool


@dataclass(frozen=True)
class Verified:
    """A backup that is whole."""

    backup: str
    release: str
    opened: bool
    """Whether it was decrypted, too."""


@dataclass(frozen=True)
class StoreChecked(Protection):
    """What this machine may do in the store."""

    store: str = field(kw_only=True)
    reads: bool = field(kw_only=True)


@dataclass(frozen=True)
class Restored:
    """What was restored."""

    backup: str
    at: str
    """When its snapshot was taken, ISO 8601."""
    release: str
    database: str
    """Empty if the database was left alone."""
    kept: str
    """The database with the old data; empty if there is none."""
    parts: tuple[str, ...]
    """What else was restored, as `--part` names it."""
    volumes: dict[str, str]
    """Part → the volume with its old files."""
    left_out: tuple[str, ...]
    """What the backup also has."""
    seconds: float


@dataclass(frozen=True)
class Drilled(drill.Receipt):
    """What a drill found."""

    passed: bool = field(kw_only=True)


@dataclass(frozen=True)
class RecoveryDrilled(point_in_time.Receipt):
    """What a drill of point-in-time recovery found."""

    passed: bool = field(kw_only=True)


@dataclass(frozen=True)
class ArchiveNow(archive.Archive):
    """The WAL archive of a database, and what is wrong with it."""

    rpo: float | None = field(kw_only=True)
    """Seconds of writes that are lost at most if the server is lost now; None if that has no bound."""
    findings: list[str] = field(kw_only=True)
    """What is wrong, one line each."""


@dataclass(frozen=True)
class SentryReported(Subject):
    """What Sentry knows of a release."""

    projects: list[str] = field(kw_only=True)
    deployed: str = field(kw_only=True)
    """When, ISO 8601."""


@dataclass(frozen=True)
class Watched:
    """How a release does, as Sentry sees it."""

    release: str
    before: str
    """The release that it is compared with; empty if there is none."""
    verdict: Verdict
    signals: list[Signal]
    remarks: list[str]
    links: dict[str, str]
    """What → address in Sentry."""
