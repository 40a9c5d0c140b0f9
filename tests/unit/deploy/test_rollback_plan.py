"""How one could go back from a deploy, decided before it, and how a rollback has to."""

import dataclasses
from collections.abc import Sequence

import pytest

from tagship.deploy.rollback_plan import (
    FIRST,
    REVERSED,
    Former,
    RollbackPlan,
    Way,
    decoded,
    plan_way_back,
    timed,
    way_to,
)
from tagship.migrations.inspection import Change, Inspection
from tagship.proof import ledger
from tagship.proof.ledger import Entry
from tests.fakes.builders import entry, rendered

OLD, NEW, NEWER = rendered("a"), rendered("b"), rendered("c")
FORMER = Former(OLD.name, ("shop.0001",))
ADDS = Change("shop.0002", reversible=True, loses=("shop_item.note",))
STRICT = dataclasses.replace(ADDS, unsuited=("Add field note: neither null nor db_default",))
RENAMES = Change("shop.0003", reversible=True, unsuited=("Rename field",), renames=True)
REMOVES = Change("shop.0004", reversible=True, unsuited=("Remove field",), destroys=("shop_item.name",))
FINAL = Change("shop.0005", unsuited=("Raw Python operation",))
REVERSE = RollbackPlan(
    Way.REVERSE, OLD.name, NEW.name, migrations=("shop.0002",), leaves=("shop.0001",), loses=("shop_item.note",)
)


def planned(*changes: Change, compatible: Sequence[str] = (), unknown: tuple[str, ...] = ()) -> RollbackPlan:
    """The way back from these migrations."""
    found = Inspection(changes, unknown)
    plan = plan_way_back(FORMER, NEW.name, found, before=(), compatible=compatible)
    assert plan
    return plan


def test_before_the_first_deploy_there_is_nothing_to_go_back_to() -> None:
    assert plan_way_back(FIRST, NEW.name, Inspection((ADDS,)), before=(), compatible=()) is None


@pytest.mark.parametrize("changes", [(), (ADDS,)])
def test_nothing_pending_or_only_additions_take_the_code_only(changes: tuple[Change, ...]) -> None:
    assert planned(*changes).way is Way.CODE


def test_what_does_not_suit_the_old_release_is_reversed_with_all_that_came_along() -> None:
    plan = planned(ADDS, RENAMES)

    assert plan == RollbackPlan(
        Way.REVERSE,
        OLD.name,
        NEW.name,
        migrations=("shop.0003", "shop.0002"),
        leaves=("shop.0001",),
        loses=("shop_item.note",),
        first=True,
        why=("shop.0003: Rename field",),
    )
    assert not planned(STRICT).first


@pytest.mark.parametrize(
    ("changes", "unknown", "why"),
    [
        ((FINAL,), (), "shop.0005 can't be reversed"),
        ((REMOVES,), (), "shop.0004 removes shop_item.name, and reversing it brings no data back"),
        ((STRICT,), ("shop.0009",), "the new release has no migration shop.0009"),
    ],
)
def test_what_no_reversing_brings_back_takes_a_backup(
    changes: tuple[Change, ...], unknown: tuple[str, ...], why: str
) -> None:
    plan = planned(*changes, unknown=unknown)

    assert (plan.way, plan.why) == (Way.RESTORE, (why,))


def test_an_older_release_that_applies_nothing_is_gone_back_from_by_code_alone() -> None:
    assert planned(unknown=("shop.0009",)).way is Way.CODE


def test_what_tagship_yml_declares_compatible_needs_nothing_but_is_not_reversed_past() -> None:
    assert planned(REMOVES, FINAL, compatible=("shop.0004", "shop.0005")).way is Way.CODE
    assert planned(REMOVES, STRICT, compatible=("shop.0004",)).way is Way.RESTORE


def test_without_a_recorded_schema_it_goes_back_to_what_was_there_before() -> None:
    plan = plan_way_back(Former(OLD.name), NEW.name, Inspection((STRICT,)), before=("shop.0001",), compatible=())

    assert plan
    assert plan.leaves == ("shop.0001",)


def test_people_read_what_is_lost_and_why() -> None:
    said = "\n".join(planned(STRICT).lines)

    assert f"Way back to {OLD.name}: code, and reverse shop.0002" in said
    assert "loses what is written until then to shop_item.note" in said
    assert "because shop.0002: Add field note: neither null nor db_default" in said


def test_the_time_of_a_restore_is_that_of_the_last_drill_that_succeeded() -> None:
    plan = planned(FINAL)
    drill = deployed(NEW, action="drill", at="2026-11-01T03:00:00+00:00", rto=12.3)
    failed = dataclasses.replace(drill, result=ledger.FAILED, rto=1)

    assert "  the drill of 2026-11-01 had the data back in 12 s" in timed(plan, [drill, failed]).lines
    assert "  no drill has shown yet how long that takes" in timed(plan, [failed]).lines


def test_the_ledger_gives_back_what_was_declared_and_older_lines_declare_nothing() -> None:
    assert decoded(REVERSE.encoded()) == REVERSE
    assert decoded({}) is None
    assert decoded({"way": "teleport"}) is None


def deployed(release: object, plan: RollbackPlan | None = None, **more: object) -> Entry:
    """A ledger's entry of a deploy that declared a way back."""
    made = entry(release)  # type: ignore[arg-type]
    return dataclasses.replace(made, way_back=plan.encoded() if plan else {}, **more)  # type: ignore[arg-type]


def test_a_rollback_does_what_the_deploy_declared() -> None:
    history = [deployed(OLD), deployed(NEW, REVERSE, at="T2", backup="B")]

    assert way_to(history, OLD.name) == dataclasses.replace(REVERSE, since="T2", backup="B")


def test_code_only_stays_code_only() -> None:
    code = RollbackPlan(Way.CODE, OLD.name)

    assert way_to([deployed(OLD), deployed(NEW, code), deployed(NEWER)], OLD.name).way is Way.CODE


def test_several_deploys_back_all_that_they_declared_counts_together() -> None:
    later = dataclasses.replace(
        REVERSE, release=NEW.name, of=NEWER.name, migrations=("shop.0003",), leaves=("shop.0002",), loses=("x",)
    )

    plan = way_to([deployed(OLD), deployed(NEW, REVERSE), deployed(NEWER, later)], OLD.name)

    assert (plan.of, plan.migrations, plan.leaves) == (NEWER.name, ("shop.0003", "shop.0002"), ("shop.0001",))
    assert plan.loses == ("shop_item.note", "x")


def test_what_a_failed_deploy_may_have_applied_counts_too() -> None:
    history = [deployed(OLD), deployed(NEW), deployed(NEWER, REVERSE, result=ledger.FAILED)]

    assert way_to(history, OLD.name).way is Way.REVERSE


def test_once_restored_or_migrated_to_that_schema_nothing_is_left_to_do() -> None:
    restored = deployed(NEW, action="restore", migrations=("removed_app.0001", "shop.0001"))

    assert way_to([deployed(OLD), deployed(NEW, REVERSE), restored], OLD.name).way is Way.CODE


@pytest.mark.parametrize("action", ["restore", "migrate", "drill"])
def test_another_schema_settles_nothing(action: str) -> None:
    later = deployed(NEW, action=action, migrations=("shop.0001", "shop.0002"))

    assert way_to([deployed(OLD), deployed(NEW, REVERSE), later], OLD.name).way is Way.REVERSE


def test_a_rollback_that_has_not_reversed_yet_still_owes_it() -> None:
    back = deployed(OLD, REVERSE, action="rollback")
    reversed_ = deployed(OLD, action="migrate")
    reversed_ = dataclasses.replace(reversed_, way_back={REVERSED: ["shop.0002"]})

    assert way_to([deployed(OLD), deployed(NEW, REVERSE), back], OLD.name).way is Way.REVERSE
    assert way_to([deployed(OLD), deployed(NEW, REVERSE), back, reversed_], OLD.name).way is Way.CODE
