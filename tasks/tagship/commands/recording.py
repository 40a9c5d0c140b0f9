"""Writes drills into the ledger."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tagship.backups import drill, point_in_time
from tagship.errors import BackupError, EngineError, LockedError, StoreError
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress
from tagship.server import lock
from tagship.server.entries import entry
from tagship.server.session import Session

_TASKS = {Action.DRILL: "backup.drill", Action.RECOVERY_DRILL: "pitr.drill"}
R = TypeVar("R", drill.Receipt, point_in_time.Receipt)


def drilled(  # noqa: PLR0913 - of what, and how
    session: Session, wait: float, action: Action, run: Callable[[], R], progress: Progress, backup: str = ""
) -> R:
    """Drill, and write the result into the ledger. Raises what the drill raises.

    `wait`: seconds to wait for a deploy to end. After them, a note says that the ledger doesn't have it.
    """
    try:
        receipt = run()
    except (BackupError, StoreError, EngineError) as error:
        _recorded(session, wait, action, ledger.FAILED, {"backup": backup, "why": error.problem})
        raise
    measured = {"rpo": receipt.rpo, "rto": receipt.rto, "seconds": receipt.rto}
    result = ledger.GOOD if receipt.passed else ledger.FAILED
    try:
        _recorded(session, wait, action, result, {"backup": backup, "why": receipt.failed, **measured})
    except LockedError as error:
        progress.note(f"the ledger doesn't have this drill: {error.problem}")
    return receipt


def _recorded(session: Session, wait: float, action: Action, result: str, what: Mapping[str, Any]) -> None:
    """Append to the ledger, with the lock held for that moment."""
    holder = lock.holder(f"{_TASKS[action]} {session.place.environment}")
    with session.locked(holder, wait=wait) as environment:
        environment.record(entry(environment, action, result, what))
