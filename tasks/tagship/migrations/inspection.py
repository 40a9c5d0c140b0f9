"""What is known of migrations before they are applied: their SQL, and what going back from them would take. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from tagship.errors import MigrationError
from tagship.release.model import Migrations

_MARK = "TAGSHIP-MIGRATIONS "
_SCRIPT = "ask_django.py"


@dataclass(frozen=True)
class Change:
    """One migration, as its framework describes it."""

    name: str
    pending: bool = True
    sql: str = ""
    """The statements that apply it; empty if they aren't known."""
    reversible: bool = False
    unsuited: tuple[str, ...] = ()
    """Why the release before may not run after it, one line each; empty if it does."""
    loses: tuple[str, ...] = ()
    """Tables and columns, `table.column`, whose data reversing it would lose."""
    destroys: tuple[str, ...] = ()
    """Tables and columns whose data applying it loses, so that reversing it can't bring them back."""
    renames: bool = False
    """Whether the release before finds its tables or columns under other names."""


@dataclass(frozen=True)
class Inspection:
    """The migrations that one release adds to another's schema, in the order of application."""

    changes: tuple[Change, ...] = ()
    unknown: tuple[str, ...] = ()
    """Migrations of the other release that this one doesn't have."""


def question(how: Migrations, leaves: Iterable[str]) -> tuple[str, ...]:
    """The command that describes the migrations after these leaves; empty if the framework has none."""
    if not how.django_shell:
        return ()
    source = files("tagship.migrations").joinpath(_SCRIPT).read_text()
    return (*how.django_shell, f"SINCE = {list(leaves)!r}\n{source}")


def answer(output: str) -> Inspection:
    """What that command printed. Raises MigrationError if it is something else."""
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), "")
    try:
        told = json.loads(line.removeprefix(_MARK))
        return Inspection(tuple(_change(raw) for raw in told["migrations"]), tuple(told["unknown"]))
    except (ValueError, KeyError, TypeError):
        raise MigrationError(f"Django didn't describe its migrations, but printed: {output.strip()[-300:]}") from None


def unexplained(how: Migrations, pending: Sequence[str], sql: str = "") -> Inspection:
    """The migrations of a framework that can't describe them: as little as possible is taken for granted.

    `sql`: the statements of all of them together.
    """
    why = ("Tagship can't tell whether the release before runs after it",)
    return Inspection(
        tuple(
            Change(
                name,
                sql="" if at else sql,
                reversible=bool(how.reverse),
                unsuited=why,
                loses=(f"what reversing {name} removes",),
            )
            for at, name in enumerate(pending)
        )
    )


def _change(raw: dict[str, Any]) -> Change:
    known = set(Change.__dataclass_fields__)
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items() if k in known}
    return Change(**values)
