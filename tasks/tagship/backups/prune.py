"""Removes backups that need not stay, and what killed backups left behind."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from tagship.backups import catalogue, retention
from tagship.backups.catalogue import Backup
from tagship.backups.manifest import MANIFEST
from tagship.backups.retention import MAY_RUN, Decision
from tagship.backups.store import Store
from tagship.names import Place
from tagship.project.backup_settings import Keep


@dataclass(frozen=True)
class Pruning:
    """What happens to each backup of an environment, newest first."""

    stay: tuple[Decision, ...]
    go: tuple[Decision, ...]

    @property
    def freed(self) -> int:
        """Bytes of those that go."""
        return sum(decision.backup.size for decision in self.go)


def plan(store: Store, place: Place, keep: Keep, now: datetime) -> Pruning:
    """Decide, and change nothing. Raises StoreError."""
    decisions = retention.decide(catalogue.listed(store, place), keep, now)
    return Pruning(
        stay=tuple(decision for decision in decisions if decision.stays),
        go=tuple(decision for decision in decisions if not decision.stays),
    )


def remove(store: Store, place: Place, decisions: Iterable[Decision], removed: Callable[[Decision], object]) -> None:
    """Remove backups, oldest first, and call `removed` after each. Raises StoreError.

    A backup that was pinned since the decision stays. Its manifest goes first, so that a backup that is half removed
    isn't taken for a good one.
    """
    with store.together():
        for decision in sorted(decisions, key=lambda each: each.backup.id):
            backup = decision.backup
            if any(now.pinned for now in catalogue.backups(store.names(folder(place, backup)), place)):
                continue
            for name in sorted(backup.objects, key=lambda name: not name.endswith(f"/{MANIFEST}")):
                store.delete(name)
            removed(decision)


def sweep(store: Store, place: Place, now: datetime) -> int:
    """Remove what uploads left behind that were killed more than a day ago. Raises StoreError."""
    return store.sweep(f"{place}/", now - MAY_RUN)


def folder(place: Place, backup: Backup) -> str:
    """What the names of a backup's objects begin with."""
    return f"{place}/{backup.id}/"
