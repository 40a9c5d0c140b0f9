"""Decides, before a deploy, how one could go back from it; and after it, how a rollback has to. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Any

from tagship.migrations.inspection import Change, Inspection
from tagship.proof.ledger import GOOD, Action, Entry

REVERSED = "reversed"
"""In the way back of a ledger's entry: what was declared before it has been reversed."""


class Way(Enum):
    """The ways back; the values are used in the ledger."""

    CODE = "code only"
    REVERSE = "code and reverse migrations"
    RESTORE = "restore"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Former:
    """The release that a deploy replaces, and the schema on which it was proven."""

    release: str = ""
    """Empty before the first deploy."""
    leaves: tuple[str, ...] = ()
    """The last applied migration of each app; empty if unknown."""


FIRST = Former()
"""No former release: the first deploy."""


@dataclass(frozen=True)
class RollbackPlan:
    """How to go back from a release to the one before."""

    way: Way
    release: str
    """The release to go back to."""
    of: str = ""
    """The release that brought the migrations; its image reverses them."""
    migrations: tuple[str, ...] = ()
    """The migrations to reverse or to be without, the last one first."""
    leaves: tuple[str, ...] = ()
    """The last migration of each app on the schema to go back to."""
    loses: tuple[str, ...] = ()
    """What reversing them loses: tables, and columns as `table.column`."""
    first: bool = False
    """Whether to reverse before the old release starts, because it would find its columns under other names."""
    why: tuple[str, ...] = ()
    """Why it isn't code only, one line each."""
    since: str = ""
    """When it was declared, ISO 8601; known only afterwards, from the ledger."""
    drilled: str = ""
    """How long restoring took in the last drill, for people."""
    backup: str = ""
    """The backup that was made just before; known only afterwards."""

    @property
    def lines(self) -> Iterator[str]:
        """The plan for people."""
        if self.way is Way.CODE:
            yield f"Way back to {self.release}: code only, because it runs on the new schema too"
            return
        if self.way is Way.REVERSE:
            yield f"Way back to {self.release}: code, and reverse {', '.join(self.migrations)}"
            if self.loses:
                yield f"  this loses what is written until then to {', '.join(self.loses)}"
        else:
            yield f"Way back to {self.release}: restore a backup, losing all that is written from now on"
            yield f"  {self.drilled}" if self.drilled else "  no drill has shown yet how long that takes"
        yield from (f"  because {reason}" for reason in self.why)
        yield f"  {self.release} meanwhile serves on the new schema, until the cutover"

    def encoded(self) -> dict[str, Any]:
        """The plan as the ledger has it."""
        return {**asdict(self), "way": self.way.value}


def timed(plan: RollbackPlan, history: Sequence[Entry]) -> RollbackPlan:
    """The plan with the time that restoring would take, from the last drill that succeeded."""
    drills = (entry for entry in reversed(history) if entry.action == Action.DRILL.value and entry.result == GOOD)
    last = next(drills, None)
    return replace(plan, drilled=f"the drill of {last.at[:10]} had the data back in {last.rto:.0f} s") if last else plan


def decoded(raw: Mapping[str, Any]) -> RollbackPlan | None:
    """The plan of a ledger's entry; None if it has none that this version knows."""
    known = {each.name for each in fields(RollbackPlan)}
    try:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items() if k in known}
        return RollbackPlan(**{**values, "way": Way(raw["way"])})
    except (KeyError, TypeError, ValueError):
        return None


def plan_way_back(
    former: Former, new: str, found: Inspection, *, before: Sequence[str], compatible: Sequence[str]
) -> RollbackPlan | None:
    """The way back from a release to the former one; None if there is none, because it is the first.

    `before`: the leaves before anything is applied. `compatible`: the migrations that tagship.yml says the release
    before runs after.
    """
    if not former.release:
        return None
    wrong = [change for change in found.changes if change.unsuited and change.name not in compatible]
    if not wrong:
        return RollbackPlan(Way.CODE, former.release)
    stuck = [*_stuck(found.changes), *(f"the new release has no migration {name}" for name in found.unknown)]
    return RollbackPlan(
        way=Way.RESTORE if stuck else Way.REVERSE,
        release=former.release,
        of=new,
        migrations=tuple(change.name for change in reversed(found.changes)),
        leaves=former.leaves or tuple(before),
        loses=tuple(dict.fromkeys(what for change in found.changes for what in change.loses)),
        first=any(change.renames for change in wrong),
        why=tuple(stuck) or tuple(f"{change.name}: {reason}" for change in wrong for reason in change.unsuited),
    )


def way_to(history: Sequence[Entry], name: str) -> RollbackPlan:
    """The way back to a former release: all that was declared since it was last proven.

    A rollback whose migrations were not reversed yet, because that failed or it was killed, still has them to reverse.
    """
    proofs = [at for at, entry in enumerate(history) if entry.proves and name in {entry.release, entry.restores}]
    at = proofs[-1] if proofs else -1
    owing = proofs and history[at].action == Action.ROLLBACK.value
    owed: list[RollbackPlan] = []
    for entry in history[at if owing else at + 1 :]:
        plan = decoded(entry.way_back)
        if plan and plan.way is not Way.CODE:
            owed.append(replace(plan, since=entry.at, backup=entry.backup))
        elif owed and (REVERSED in entry.way_back or _settles(entry, owed)):
            owed.clear()
    return _together(owed, name) if owed else RollbackPlan(Way.CODE, name)


def is_back(entry: Entry) -> bool:
    """Whether this entry brought the schema back: migrations were reversed, or a backup was restored."""
    restored = entry.action == Action.RESTORE.value and entry.result == GOOD and bool(entry.migrations)
    return restored or REVERSED in entry.way_back


def _settles(entry: Entry, owed: Sequence[RollbackPlan]) -> bool:
    """Whether the database was at the old schema after this entry, whose migrations were read from the database.

    A restored backup may also have migrations of apps that are no longer installed.
    """
    if entry.result != GOOD or entry.action not in {Action.MIGRATE.value, Action.RESTORE.value}:
        return False
    if entry.backup and entry.backup == owed[0].backup:
        return True
    newer = {name for plan in owed for name in plan.migrations}
    old, there = set(owed[0].leaves), set(entry.migrations)
    return bool(old) and old <= there and not newer & there


def _together(plans: Sequence[RollbackPlan], name: str) -> RollbackPlan:
    """One way back for several deploys, the oldest first."""
    return RollbackPlan(
        way=Way.RESTORE if any(plan.way is Way.RESTORE for plan in plans) else Way.REVERSE,
        release=name,
        of=plans[-1].of,
        migrations=tuple(dict.fromkeys(each for plan in reversed(plans) for each in plan.migrations)),
        drilled=plans[-1].drilled,
        leaves=plans[0].leaves,
        loses=tuple(dict.fromkeys(each for plan in plans for each in plan.loses)),
        first=any(plan.first for plan in plans),
        why=tuple(dict.fromkeys(each for plan in plans for each in plan.why)),
        since=plans[0].since,
        backup=plans[0].backup,
    )


def _stuck(changes: Sequence[Change]) -> Iterator[str]:
    """Why migrations can't be reversed."""
    for change in changes:
        if not change.reversible:
            yield f"{change.name} can't be reversed"
        if change.destroys:
            yield f"{change.name} removes {', '.join(change.destroys)}, and reversing it brings no data back"
