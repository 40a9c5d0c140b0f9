"""`backup.list`, `backup.prune`, `backup.pin` and `backup.unpin`: which backups the store keeps.

They need the store alone, and no connection to a server.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from tagship.commands.task import DRY_RUN, ENV, JSON, task
from tagship.errors import StoreError, UsageError

if TYPE_CHECKING:
    from tagship.backups.catalogue import Backup
    from tagship.backups.retention import Decision
    from tagship.backups.store import Store
    from tagship.names import Place
    from tagship.project.backup_settings import BackupSettings

WHICH = "Which backup: its id, or a time, for the newest one before it; required."


@task(changes=False, help={"env": ENV, "json": JSON})
def listing(_: Context, env: str = "", json: bool = False) -> None:
    """List the backups, newest first, and why each stays.

    Reads no backup. An unfinished one is of no use: it is still being made, or was killed.
    """
    from tagship.backups import prune
    from tagship.reporting import table

    place, wanted, store = opened(env)
    found = prune.plan(store, place, wanted.keep, _now())
    decisions = sorted((*found.stay, *found.go), key=lambda each: each.backup.id, reverse=True)
    pins = {each.backup.id: _reason(store, place, each.backup) for each in decisions if each.backup.pinned}
    if json:
        print(jsonlib.dumps([{**_told(each), "pin": pins.get(each.backup.id, "")} for each in decisions]))
        return
    if not decisions:
        print(f"No backup of {place} is in {store.url}; `tagship backup.create --env {env}` makes one.")
        return
    rows = [(each.backup.id, table.size(each.backup.size), _note(each, pins)) for each in decisions]
    print(table.table(rows, ("backup", "size", "why it stays")))
    whole = [each.backup for each in decisions if each.backup.whole]
    newest = f"; the newest is {table.since((_now() - whole[0].at).total_seconds())} old" if whole else ""
    print(f"\n{_count(whole)}, {table.size(sum(each.backup.size for each in decisions))}{newest}.")


@task(help={"env": ENV, "dry-run": "Print what would go and why, and remove nothing.", "json": JSON})
def prune(_: Context, env: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Remove the backups that tagship.yml doesn't keep.

    Of each of the newest days, weeks and months that have a backup, the newest one stays (`backups.keep`). Pinned ones
    and the newest few are never removed, nor is anything just because time has passed without a new backup.
    """
    from tagship.backups import prune as pruning
    from tagship.reporting import events, table
    from tagship.reporting.progress import Progress

    place, wanted, store = opened(env)
    now = _now()
    plan = pruning.plan(store, place, wanted.keep, now)
    removed: list[Decision] = []
    if not dry_run:
        with Progress(quiet=json) as progress:
            if plan.go:
                with progress.step(f"Remove {_count(plan.go)} of {place}"):
                    pruning.remove(store, place, plan.go, removed.append)
            try:
                pruning.sweep(store, place, now)
            except StoreError as error:  # the backups are what matters
                progress.note(error.problem)
        events.tell("pruned", environment=env, removed=[each.backup.id for each in removed])
    gone: Sequence[Decision] = plan.go if dry_run else removed
    freed = sum(each.backup.size for each in gone)
    if json:
        told: dict[str, Any] = {"removed": [_told(each) for each in gone], "bytes": freed, "dry_run": dry_run}
        print(jsonlib.dumps({**told, "stay": [_told(each) for each in plan.stay]}))
        return
    if gone:
        rows = [(each.backup.id, table.size(each.backup.size), each.why) for each in gone]
        print(table.table(rows, ("backup", "size", "why it goes")), end="\n\n")
    verb = "Would remove" if dry_run else "Removed"
    what = f"{_count(gone)}, {table.size(freed)}" if gone else "nothing"
    print(f"{verb} {what}; {_count(plan.stay)} {'stays' if len(plan.stay) == 1 else 'stay'}.")


@task(help={"env": ENV, "at": WHICH, "reason": "Why, as `backup.list` shows it.", "dry-run": DRY_RUN, "json": JSON})
def pin(_: Context, env: str = "", at: str = "", reason: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Keep a backup until it is unpinned.

    `backup.prune` never removes it, however old it is.
    """
    import io

    from tagship.backups.manifest import PINNED

    place, store, backup = _chosen(env, at)
    if backup.pinned:
        said = f"{backup.id} is already pinned."
    elif dry_run:
        said = f"Would pin {backup.id}."
    else:
        store.put(f"{place}/{backup.id}/{PINNED}", io.BytesIO(reason.encode()))
        said = f"Pinned {backup.id}."
    print(jsonlib.dumps({"id": backup.id, "pinned": not dry_run or backup.pinned}) if json else said)


@task(help={"env": ENV, "at": WHICH, "dry-run": DRY_RUN, "json": JSON})
def unpin(_: Context, env: str = "", at: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Let `backup.prune` remove a pinned backup again."""
    from tagship.backups.manifest import PINNED

    place, store, backup = _chosen(env, at)
    if not backup.pinned:
        said = f"{backup.id} isn't pinned."
    elif dry_run:
        said = f"Would unpin {backup.id}."
    else:
        store.delete(f"{place}/{backup.id}/{PINNED}")
        said = f"Unpinned {backup.id}."
    print(jsonlib.dumps({"id": backup.id, "pinned": dry_run and backup.pinned}) if json else said)


def opened(env: str) -> tuple[Place, BackupSettings, Store]:
    """An environment's backups and their store. Raises ConfigError."""
    from tagship.backups.stores import open_store
    from tagship.commands.backup_inputs import configured
    from tagship.project import here

    settings = here.config().environment(env)
    wanted = configured(settings)
    return settings.place, wanted, open_store(wanted.store)


def _chosen(env: str, at: str) -> tuple[Place, Store, Backup]:
    from tagship.backups import catalogue

    if not at:
        raise UsageError("No backup is named.", hint="pass --at ID; `backup.list` shows them")
    place, _, store = opened(env)
    return place, store, catalogue.chosen(catalogue.listed(store, place), at)


def _reason(store: Store, place: Place, backup: Backup) -> str:
    """Why a backup is pinned; empty for an identity that may not read."""
    from tagship.backups.manifest import PINNED
    from tagship.backups.store import ReadDeniedError

    try:
        with store.get(f"{place}/{backup.id}/{PINNED}") as source:
            return source.read(500).decode(errors="replace")
    except ReadDeniedError:
        return ""


def _note(decision: Decision, pins: dict[str, str]) -> str:
    if reason := pins.get(decision.backup.id):
        return f"pinned: {reason}"
    return decision.why if decision.stays else f"goes: {decision.why}"


def _told(decision: Decision) -> dict[str, object]:
    backup = decision.backup
    facts = {"id": backup.id, "at": backup.at.isoformat(), "size": backup.size, "whole": backup.whole}
    return {**facts, "pinned": backup.pinned, "stays": decision.stays, "why": decision.why}


def _count(backups: Sequence[object]) -> str:
    return f"{len(backups)} backup{'' if len(backups) == 1 else 's'}"


def _now() -> datetime:
    return datetime.now(UTC)
