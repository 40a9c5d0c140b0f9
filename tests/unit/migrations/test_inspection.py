"""What a framework says of its migrations, and what is assumed where it says nothing."""

import dataclasses
import json

import pytest

from tagship.errors import MigrationError
from tagship.migrations import inspection
from tagship.migrations.inspection import Change, Inspection
from tagship.release.model import Migrations

DJANGO = Migrations("web", "django", ("show",), ("apply",), django_shell=("python", "manage.py", "shell", "-c"))
OTHER = Migrations("web", "command", ("show",), ("apply",))
RAW = {
    "name": "shop.0002_note", "pending": True, "sql": "ALTER TABLE …", "reversible": True, "unsuited": [],
    "loses": ["shop_item.note"], "destroys": [], "renames": False, "of_a_later_version": 1,
}  # fmt: skip


def test_django_is_asked_by_a_script_that_knows_the_old_releases_schema() -> None:
    *shell, script = inspection.question(DJANGO, ("shop.0001_first",))

    assert shell == ["python", "manage.py", "shell", "-c"]
    assert script.startswith("SINCE = ['shop.0001_first']\n")
    compile(script, "script", "exec")


def test_a_framework_without_a_shell_is_not_asked() -> None:
    assert inspection.question(OTHER, ()) == ()


def test_the_answer_is_found_among_what_the_app_prints() -> None:
    told = json.dumps({"migrations": [RAW], "unknown": ["shop.0009_gone"]})

    assert inspection.answer(f"12 objects imported automatically.\n\nTAGSHIP-MIGRATIONS {told}\nbye\n") == Inspection(
        (Change("shop.0002_note", sql="ALTER TABLE …", reversible=True, loses=("shop_item.note",)),),
        ("shop.0009_gone",),
    )


@pytest.mark.parametrize("said", ["", "nothing", "TAGSHIP-MIGRATIONS {", "TAGSHIP-MIGRATIONS []"])
def test_anything_else_is_no_answer(said: str) -> None:
    with pytest.raises(MigrationError, match="didn't describe"):
        inspection.answer(said)


def test_what_is_not_known_is_taken_for_the_worst() -> None:
    (change,) = inspection.unexplained(OTHER, ["0002"]).changes

    assert (change.reversible, bool(change.unsuited), change.loses) == (False, True, ("what reversing 0002 removes",))


def test_a_command_that_reverses_makes_them_reversible_and_the_sql_is_shown_once() -> None:
    how = dataclasses.replace(OTHER, reverse=("alembic", "downgrade", "-{count}"))

    first, second = inspection.unexplained(how, ["a", "b"], "CREATE TABLE x;").changes

    assert (first.reversible, first.sql, second.sql) == (True, "CREATE TABLE x;", "")
