"""Tries a restore: a backup into a throwaway server without a network, checked, and used by the release itself.

Everything runs in containers that end with our connection. What couldn't be checked never passes.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tagship.backups import restore, rights
from tagship.backups.manifest import Manifest
from tagship.backups.postgres import Access, Server, Session, quoted
from tagship.backups.rights import Rights
from tagship.backups.store import Store
from tagship.backups.workbench import Workbench
from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.engine.readiness import Probe
from tagship.errors import BackupError, ConnectionFailedError, EngineError, StoppedError, TagshipError
from tagship.names import Place
from tagship.reporting.table import since, size, table

LOOPBACK = "127.0.0.1"
_STARTS_WITHIN = 60.0
_MISSING = 404
Step = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Receipt:
    """What a drill found. Times are ISO 8601 in UTC."""

    backup: str
    at: str
    """The moment that the backup brings back."""
    started: str
    rpo: float
    """Seconds between that moment and the drill: what would have been lost."""
    rto: float
    """Seconds from the start until everything was checked."""
    rows: int
    size: int
    """The database's bytes."""
    image: str
    """The image of the server that it was restored into."""
    release: str
    """The release that used it."""
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was checked, and right."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> str:
        """What wasn't right, and why."""
        return "; ".join(f"{check.name}: {check.detail}" for check in self.checks if not check.passed)

    def __str__(self) -> str:
        rows = [(f"{'✓' if c.passed else '✗'} {c.name}", f"{c.seconds:.1f} s", c.detail) for c in self.checks]
        said = (
            f"Backup {self.backup}, of {self.at[:19]}Z: {size(self.size)}, {self.rows} rows",
            f"RPO {since(self.rpo)}: what was written since would have been lost",
            f"RTO {self.rto:.1f} s: from the start of the restore until all was checked",
        )
        return "\n".join((*said, table(rows)))

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True)
class Drill:
    """A backup, and the environment whose servers it is tried with."""

    engine: Engine
    place: Place
    server: Server
    """The environment's own database: its image, its user, its name."""
    backup: Manifest
    store: Store
    identities: Sequence[Any]
    questions: Mapping[str, str]
    """Name → SQL that must return true."""
    live: str = ""
    """The live release; empty if there is none."""
    service: str = ""
    """Its service whose healthcheck must pass on the restored database."""
    ready_within: float = 120

    def run(self, step: Step) -> Receipt:
        """Do it. Raises BackupError, StoreError, LockedError if the backup can't even be loaded."""
        began, started = time.monotonic(), datetime.fromtimestamp(self.engine.now(), UTC)
        facts = self.backup.database
        if facts is None:
            raise BackupError(f"Backup {self.backup.id} holds no database.")
        checks: list[Check] = []
        with self._server() as bench:
            access = Access(facts.name, self.server.access.user)
            with step(f"Start {self.server.service} without a network"):
                _await(bench, access)
            with step(f"Load backup {self.backup.id}"), _timed(checks, "loads"):
                with Session(bench, restore.maintenance(access)) as session:
                    session.do(f"DROP DATABASE IF EXISTS {quoted(facts.name)};")  # of the image's own making
                    bare = rights.read(session, facts.name)
                    created = restore.create_roles(session, facts)
                    restore.create_database(session, facts.name, facts)
                restore.fill(bench, access, self.backup, self.store, self.identities)
            with step("Restore roles and settings"), _noted(checks, "roles and settings"):
                self._add_rights(bench, access, bare, created)
            with step("Compare rows and migrations"), _timed(checks, "rows and migrations"):
                restore.check(bench, access, facts)
            for name, question in self.questions.items():
                with step(f"Check {name}"), _noted(checks, name):
                    _ask(bench, access, question)
            with step(f"Start {self.service or 'the release'} on it"), _noted(checks, "health of the release"):
                self._use(bench)
        # the engine's clock is known to the second, by which the drill may seem to begin before a backup just made
        age = max(0.0, (started - datetime.fromisoformat(self.backup.at)).total_seconds())
        return Receipt(
            backup=self.backup.id,
            at=self.backup.at,
            started=started.isoformat(timespec="seconds"),
            rpo=round(age, 1),
            rto=round(time.monotonic() - began, 1),
            rows=sum(facts.rows.values()),
            size=facts.size,
            image=self.server.image,
            release=self.live,
            checks=tuple(checks),
        )

    def _add_rights(self, bench: Workbench, access: Access, bare: Rights, created: Sequence[str]) -> None:
        with Session(bench, restore.maintenance(access)) as session:
            refused = restore.add_rights(
                session, access.database, self.backup, bare, created, self.store, self.identities
            )
        if refused:
            raise BackupError(f"The server refuses {', '.join(refused)}.")

    def _server(self) -> Workbench:
        """An empty server of the environment's own image, on a loopback of its own, where all names lead to it."""
        image = self.engine.get(f"/images/{self.server.image}/json")["Config"]
        runs = [*(image.get("Entrypoint") or ()), *(image.get("Cmd") or ())]
        others = (c.service for c in containers.of(self.engine, self.place.accessories))
        names = sorted({self.server.service, self.server.access.host, *others} - {LOOPBACK})
        given = {"POSTGRES_USER": self.server.access.user, "POSTGRES_PASSWORD": secrets.token_urlsafe(24)}
        return Workbench(
            self.engine,
            self.place,
            f"tagship-drill-{self.place}",
            self.server.image,
            {"NetworkMode": "none", "ExtraHosts": [f"{name}:{LOOPBACK}" for name in names]},
            runs=runs,
            config={"Env": [f"{name}={value}" for name, value in {**given, "POSTGRES_DB": "postgres"}.items()]},
        )

    def _use(self, bench: Workbench) -> None:
        """Start the release beside the server, with fresh copies of other accessories, until it is healthy."""
        release = [c for c in containers.of(self.engine, self.live) if c.service == self.service] if self.live else []
        if not release:
            raise BackupError("No release is live, so nothing could use the database.")
        with ExitStack() as stack:
            for other in containers.of(self.engine, self.place.accessories):
                if other.service != self.server.service and other.running:
                    stack.enter_context(self._copy(other.id, bench, f"drill-{self.place}-{other.service}"))
            raw = self.engine.get(f"/containers/{release[0].id}/json")
            if not containers.probe(raw["Config"]):
                raise BackupError(f"{self.service} has no healthcheck, so nobody can tell whether it works.")
            copy = stack.enter_context(self._copy(release[0].id, bench, f"drill-{self.place}-release"))
            _healthy(copy, raw["Config"]["Healthcheck"], self.ready_within)

    def _copy(self, container: str, bench: Workbench, name: str) -> Workbench:
        """A container like an existing one, with its secrets, beside the server instead of on its networks."""
        raw = self.engine.get(f"/containers/{container}/json")
        config = raw["Config"]
        runs = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
        kept = {key: config[key] for key in ("Env", "WorkingDir", "User") if config.get(key)}
        return Workbench(
            self.engine,
            self.place,
            f"tagship-{name}",
            raw["Image"],
            {"NetworkMode": f"container:{bench.id}"},
            runs=runs,
            config=kept,
            files=_secret_files(self.engine, container),
        )


def _await(bench: Workbench, access: Access) -> None:
    """Wait until the server answers at its loopback; while the image sets it up, it listens on its socket only."""
    until = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            bench.run(["pg_isready", "--quiet"], access.to("postgres").environment)
        except BackupError:
            if time.monotonic() > until:
                raise BackupError(f"The throwaway server doesn't start:\n{_words(bench)}") from None
            time.sleep(0.2)
        else:
            return


def _ask(bench: Workbench, access: Access, question: str) -> None:
    with Session(bench, access) as session:
        answer = session.value(f"SELECT coalesce(to_jsonb((\n{question.strip().rstrip(';')}\n)), 'null');")
    if answer is not True:
        raise BackupError(f"It returned {answer}, not true.")


def _healthy(bench: Workbench, check: Mapping[str, Any], within: float) -> None:
    """Wait until a healthcheck passes. Raises BackupError with the container's last words."""
    until = time.monotonic() + within
    while not _passes(Probe(bench.engine, bench.id, check)):
        if time.monotonic() > until or not bench.running:
            raise BackupError(f"It doesn't become healthy on the restored database:\n{_words(bench)}")
        time.sleep(0.5)


def _passes(probe: Probe) -> bool:
    try:
        return probe.passes()
    except (EngineError, OSError):
        return False


def _words(bench: Workbench) -> str:
    try:
        return containers.last_words(bench.engine, bench.id)
    except EngineError:
        return "It ended, and its output is gone."


def _secret_files(engine: Engine, container: str) -> bytes:
    """The tar of a container's secrets, or nothing."""
    try:
        with engine.archive(container, "/run/secrets") as tar:
            return bytes(tar.read())
    except EngineError as error:
        if error.status != _MISSING:
            raise
        return b""


@contextmanager
def _timed(checks: list[Check], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    checks.append(Check(name, passed=True, seconds=round(time.monotonic() - began, 2)))


@contextmanager
def _noted(checks: list[Check], name: str) -> Iterator[None]:
    """Note a check that fails instead of ending the drill."""
    began = time.monotonic()
    try:
        yield
    except TagshipError as error:
        if isinstance(error, StoppedError | ConnectionFailedError):
            raise
        checks.append(Check(name, passed=False, seconds=round(time.monotonic() - began, 2), detail=error.problem))
    else:
        checks.append(Check(name, passed=True, seconds=round(time.monotonic() - began, 2)))
