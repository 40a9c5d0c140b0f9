"""Carries out `backup.restore`, for the task itself and for a rollback."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tagship.backups import create, files, restore
from tagship.backups.files import Replacement
from tagship.backups.leftovers import sweep
from tagship.backups.manifest import Manifest
from tagship.backups.postgres import Server
from tagship.backups.program import Program
from tagship.backups.store import Store
from tagship.backups.stores import open_store
from tagship.backups.workbench import Workbench
from tagship.commands.backup_inputs import IDENTITY, configured, database, identities, manifest_of
from tagship.errors import CheckError, TagshipError, UsageError
from tagship.github import deployments
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress
from tagship.server import connection, lock
from tagship.server.entries import entry
from tagship.server.session import Session
from tagship.server.target import LockedServer
from tagship.system.signals import uninterrupted


@dataclass(frozen=True)
class RestoreOrder:
    """What `backup.restore` was told to do."""

    settings: Environment
    of: Environment
    """Whose backup; usually the same."""
    at: str
    into: str
    part: str
    """What of it: `database`, `redis:NAME`, `volume:NAME`, several with commas between, or `all`."""
    identity: str
    confirm: str
    dry_run: bool
    wait: float
    hold: bool = False
    """Whether the site stays held afterwards, for a rollback that follows."""


@dataclass(frozen=True)
class Restored:
    """A restore that was done, or only planned."""

    backup: Manifest
    plan: restore.Plan | None
    """The database's; None if it was left alone."""
    parts: tuple[str, ...] = ()
    """What else, as `--part` names it."""
    left_out: tuple[str, ...] = ()
    """What the backup also has."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Part → the volume with its old files; only those that had any."""
    seconds: float = 0

    @property
    def told(self) -> Mapping[str, object]:
        """For programs."""
        plan = self.plan
        return {
            "backup": self.backup.id,
            "at": self.backup.at,
            "release": self.backup.release,
            "database": plan.database if plan else "",
            "kept": plan.kept if plan else "",
            "parts": self.parts,
            "volumes": self.kept,
            "left_out": self.left_out,
            "seconds": self.seconds,
        }

    @property
    def steps(self) -> str:
        """What it will do, numbered."""
        lines = [*self.plan.lines] if self.plan else []
        for part in self.parts:
            lines += [
                f"Lay the files of {part} beside the old ones",
                f"Stop what uses {part}, swap its files, and start it again",
                f"Move the old files of {part} into a volume of their own",
            ]
        return "\n".join(f"{number:3}. {line}" for number, line in enumerate(lines, 1))


def restored(order: RestoreOrder, progress: Progress) -> Restored:
    """Restore a backup, or only plan it. Raises BackupError, StoreError, CheckError; then all is as it was."""
    settings = order.settings
    wanted = configured(settings)
    store = open_store(configured(order.of).store)
    keys = [] if order.dry_run and not (order.identity or os.environ.get(IDENTITY)) else identities(order.identity)
    backup = manifest_of(store, order.of, order.at)
    if keys:  # before the site is held for it
        create.refuse_wrong_keys(store, f"{order.of.place}/{backup.id}", backup, keys)
    whole, parts = files.chosen(backup, order.part)
    if order.into and (parts or not whole):
        raise UsageError("--into is for the database alone.", hint="use it without --part")
    with connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        server = database(session, wanted)
        folders = [files.folder(session.engine, session.place, part, server.image) for part in parts]
        named = tuple(files.named(part) for part in parts)
        what = Restored(backup, None, named, tuple(files.left_out(backup, parts)))
        if order.dry_run:
            with _bench(session, server) as bench:
                return replace(what, plan=_planned(session, server, bench, backup, order.into) if whole else None)
        replaced = ", ".join((*(["the database"] if whole else []), *named))
        confirmed(settings, order.confirm, f"Backup {backup.id} will replace {replaced} of {settings.name}")
        supervised = deployments.supervise(settings, action="restore", tag="")
        with (
            supervised,
            session.locked(lock.holder(f"backup.restore {settings.name}"), wait=order.wait) as environment,
            _bench(session, server) as bench,
        ):
            sweep(session.engine, session.place)
            plan = _planned(session, server, bench, backup, order.into) if whole else None
            work = _Work(environment, server, bench, store, keys, progress)
            within = settings.release.ready_within
            replacing = [files.Replacement(session.engine, session.place, folder, within) for folder in folders]
            done = work.carry_out(replace(what, plan=plan), replacing, hold=order.hold)
        if left := environment.lease.left:
            progress.note(f"the connection broke at the end: {left}")
        return done


def confirmed(settings: Environment, given: str, what: str) -> None:
    """Ask for the environment's name where approval is required. Raises CheckError without it.

    In GitHub Actions the environment's protection is the approval.
    """
    if settings.approval != "required" or given == settings.name or os.environ.get("GITHUB_ACTIONS") == "true":
        return
    if given or not sys.stdin.isatty():
        raise CheckError(f"{what}, and nobody confirmed that.", hint=f"pass --confirm {settings.name}")
    print(f"{what}.")
    if input(f"Type {settings.name} to continue: ").strip() != settings.name:
        raise CheckError(f"{settings.name} was not confirmed.", hint="type its name to confirm; nothing was changed")


class _Work:
    """A restore under way, with the environment locked."""

    def __init__(  # noqa: PLR0913 - all that it needs
        self,
        environment: LockedServer,
        server: Server,
        bench: Workbench,
        store: Store,
        keys: list[Any],
        progress: Progress,
    ) -> None:
        self._environment = environment
        self._server = server
        self._bench = bench
        self._store = store
        self._keys = keys
        self._progress = progress
        self._began = datetime.now(UTC)
        self._replaced: list[str] = []
        """What an error has to name, whatever it is about."""

    def carry_out(self, what: Restored, files_: Sequence[Replacement], *, hold: bool) -> Restored:
        """Load everything beside what is in use, then replace one after the other."""
        with _named(self._replaced):
            return self._carry_out(what, files_, hold=hold)

    def _carry_out(self, what: Restored, files_: Sequence[Replacement], *, hold: bool) -> Restored:
        environment, plan = self._environment, what.plan
        swaps = plan is not None and plan.loading != plan.database
        edge = environment.edge
        with edge.held(environment.site(environment.observe()), on=hold) if swaps or files_ else nullcontext():
            self._load(what, files_)
            # without the lock, what is beside may be another's by now, so the next restore clears it
            environment.lease.confirm()
            if plan and swaps:
                self._swap(plan)
            kept: dict[str, str] = {}
            for each in files_:
                environment.lease.confirm()
                kept[each.name] = self._exchange(each, what.backup)
        for each in files_:
            with self._progress.step(f"Move the old files of {each.name} into a volume"):
                each.keep(kept[each.name])
        return replace(what, kept={name: volume for name, volume in kept.items() if volume}, seconds=self._seconds)

    @property
    def _seconds(self) -> float:
        return round((datetime.now(UTC) - self._began).total_seconds(), 2)

    def _load(self, what: Restored, files_: Sequence[Replacement]) -> None:
        """Load all beside the old; if anything fails, nothing is left of it."""
        laid: list[Replacement] = []
        try:
            for replacing in files_:
                with self._progress.step(f"Lay the files of {replacing.name} beside the old ones"):
                    replacing.lay(what.backup, self._store, self._keys)
                laid.append(replacing)
            if what.plan:
                with self._progress.step(f"Load backup {what.backup.id} into {what.plan.loading} and compare it"):
                    refused = restore.load(self._bench, self._server.access, what.plan, self._store, self._keys)
                for each in refused:
                    self._progress.note(f"the server refuses what the backup has: {each}")
        except BaseException:
            for replacing in laid:
                with suppress(TagshipError):  # the cause is what matters; the next restore clears it
                    replacing.clear()
            raise

    def _exchange(self, files_: Replacement, backup: Manifest) -> str:
        with uninterrupted(), self._progress.step(f"Swap the files of {files_.name}"):
            kept = files_.swap()
            self._replaced.append(files_.name)
            old = f"; old files kept in volume {kept}" if kept else ""
            # without the backup's id, which would mean its database
            self._record({"why": f"{files_.name} of backup {backup.id}{old}"})
        return kept

    def _record(self, what: Mapping[str, object]) -> None:
        given = {**what, "seconds": self._seconds}
        self._environment.record(entry(self._environment, Action.RESTORE, ledger.GOOD, given))

    def _swap(self, plan: restore.Plan) -> None:
        with uninterrupted(), self._progress.step(f"Swap it with {plan.database}"):
            restore.swap(self._bench, self._server.access, plan)
            self._replaced.append("the database")
            why = f"old database kept as {plan.kept}" if plan.kept else ""
            leaves = plan.backup.database.leaves if plan.backup.database else ()
            self._record({"why": why, "migrations": leaves, "backup": plan.backup.id})


@contextmanager
def _named(replaced: Sequence[str]) -> Iterator[None]:
    """Let an error name what was replaced before it."""
    try:
        yield
    except TagshipError as error:
        if replaced:
            error.add_hint(f"look at the data: {', '.join(replaced)} had been replaced before")
        raise


def _planned(session: Session, server: Server, bench: Workbench, backup: Manifest, into: str) -> restore.Plan:
    now = restore.observe(bench, server.access, _disk_free(session, server))
    return restore.plan(backup, session.place, server.access.database, now, into)


def _bench(session: Session, server: Server) -> Workbench:
    return Workbench(session.engine, session.place, f"tagship-backup-{session.place}", server.image, server.host)


def _disk_free(session: Session, server: Server) -> int | None:
    """Free bytes where an accessory keeps its database; None for a managed one."""
    if not server.container:
        return None
    script = 'df -Pk "${PGDATA:-/var/lib/postgresql}" | tail -n 1'
    with Program(session.engine, server.container, ["sh", "-c", script]) as program:
        program.end_input()
        return int(program.rest().decode().split()[3]) * 1024
