"""A rollback does what the deploy declared: a whole deploy and rollback in memory."""

import dataclasses

import pytest

from tagship.deploy import planning, story
from tagship.deploy.candidate import Candidate
from tagship.deploy.companion import NoCompanion
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order
from tagship.deploy.rollback_plan import RollbackPlan
from tagship.deploy.rollout import Patience
from tagship.deploy.way_back import RestoreNeededError
from tagship.errors import CheckError, MigrationError, SmokeTestError
from tagship.migrations.inspection import Change
from tagship.names import Holder
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.model import Record, Rendered
from tagship.reporting.progress import Progress
from tagship.testing import MemoryTarget
from tests.fakes.builders import MIGRATIONS, rendered

OLD, NEW = rendered("a", migrations=MIGRATIONS), rendered("b", migrations=MIGRATIONS)
STRICT = Change("shop.0002", reversible=True, unsuited=("not null",), loses=("shop_item.note",))
ME = Holder("me", "deploy staging", "")


def again(_: Observed, record: Record) -> Candidate:
    """The release of a record."""
    return Candidate(NEW if record.release == NEW.release else OLD)


def order(wanted: Rendered, action: Action) -> Order:
    """To bring that release; nobody minds losing data."""
    return Order(
        "staging", "https://x", action, ME, lambda *_: Candidate(wanted), again, Patience(), agree=lambda _: None
    )


def carry_out(environment: MemoryTarget, what: Order) -> None:
    """Do it."""
    story.rollout(environment, what, Progress(quiet=True), NoCompanion())


@pytest.fixture
def environment() -> MemoryTarget:
    """OLD was replaced by NEW, with a migration that doesn't suit OLD."""
    made = MemoryTarget(pending=("shop.0001",))
    carry_out(made, order(OLD, Action.DEPLOY))
    made.pending, made.changed = ("shop.0002",), {"shop.0002": STRICT}
    carry_out(made, order(NEW, Action.DEPLOY))
    made.changes.clear()
    return made


def test_the_declared_migrations_are_reversed_when_the_old_release_alone_runs(environment: MemoryTarget) -> None:
    carry_out(environment, order(OLD, Action.ROLLBACK))

    assert environment.applied == ("shop.0001",)
    done = environment.changes
    assert done.index(f"stop {NEW.name} web") < done.index("reverse shop.0002")
    *_, deploy, back, reversed_ = environment.observe().history
    assert deploy.way_back["loses"] == ["shop_item.note"]
    assert (back.action, reversed_.action, reversed_.migrations) == ("rollback", "migrate", ("shop.0001",))


def test_the_next_deploy_goes_back_to_the_schema_that_was_brought_back(environment: MemoryTarget) -> None:
    carry_out(environment, order(OLD, Action.ROLLBACK))
    newer = rendered("c", migrations=MIGRATIONS)

    carry_out(environment, order(newer, Action.DEPLOY))

    assert environment.observe().history[-1].way_back["leaves"] == ["shop.0001"]


def test_without_consent_to_the_loss_nothing_is_changed(environment: MemoryTarget) -> None:
    def disagrees(plan: RollbackPlan) -> None:
        raise CheckError(f"no: {plan.loses}")

    with pytest.raises(CheckError, match="no:"):
        carry_out(environment, dataclasses.replace(order(OLD, Action.ROLLBACK), agree=disagrees))

    assert environment.changes == []


def test_the_schema_can_be_kept(environment: MemoryTarget) -> None:
    carry_out(environment, dataclasses.replace(order(OLD, Action.ROLLBACK), keep_schema=True))

    assert environment.applied == ("shop.0001", "shop.0002")


def test_reversing_that_failed_leaves_the_old_release_live_and_is_repeated_by_the_same_rollback(
    environment: MemoryTarget,
) -> None:
    environment.fails = {"reverse": MigrationError("a lock wasn't free")}
    with pytest.raises(MigrationError, match="tries it again"):
        carry_out(environment, order(OLD, Action.ROLLBACK))
    assert environment.live == OLD.name

    environment.fails = {}
    carry_out(environment, order(OLD, Action.ROLLBACK))

    assert environment.applied == ("shop.0001",)
    environment.changes.clear()
    carry_out(environment, order(OLD, Action.ROLLBACK))
    assert environment.changes == []


def test_the_switch_back_after_a_failure_reverses_nothing_and_says_so() -> None:
    environment = MemoryTarget(pending=("shop.0001",))
    carry_out(environment, order(OLD, Action.DEPLOY))
    environment.pending, environment.changed = ("shop.0002",), {"shop.0002": STRICT}
    environment.fails = {"smoke_test": SmokeTestError("status 500")}

    with pytest.raises(SmokeTestError, match=r"what was applied of shop\.0002 stays applied"):
        carry_out(environment, order(NEW, Action.DEPLOY))

    assert environment.applied == ("shop.0001", "shop.0002")
    assert environment.observe().history[-1].way_back["way"] == "code and reverse migrations"


def test_what_cannot_be_reversed_is_refused_with_the_commands_that_lead_back() -> None:
    environment = MemoryTarget(pending=("shop.0001",))
    carry_out(environment, order(OLD, Action.DEPLOY))
    environment.pending = ("shop.0002",)
    environment.changed = {"shop.0002": dataclasses.replace(STRICT, reversible=False)}
    carry_out(environment, order(NEW, Action.DEPLOY))

    with pytest.raises(CheckError, match="no backup was made then") as caught:
        carry_out(environment, order(OLD, Action.ROLLBACK))

    assert "tagship backup.restore --env staging --at 2026-01-01T00:00:00+00:00" in caught.value.hint
    assert "--keep-schema" in caught.value.hint


def test_where_a_backup_was_made_before_the_migrations_a_rollback_asks_for_it_until_it_is_restored() -> None:
    environment = MemoryTarget(pending=("shop.0001",))
    carry_out(environment, order(OLD, Action.DEPLOY))
    environment.pending = ("shop.0002",)
    environment.changed = {"shop.0002": dataclasses.replace(STRICT, reversible=False)}
    carry_out(environment, order(NEW, Action.DEPLOY))
    deployed = environment.observe().history[-1]
    environment.ledger[-1] = ledger.line(dataclasses.replace(deployed, backup="20260101T000000Z-0a1b2c"), "")

    with pytest.raises(RestoreNeededError, match=r"shop\.0002 can't be reversed") as caught:
        carry_out(environment, order(OLD, Action.ROLLBACK))
    assert caught.value.at == "20260101T000000Z-0a1b2c"

    restored = dataclasses.replace(deployed, action="restore", way_back={}, migrations=(), backup=caught.value.at)
    environment.ledger.append(ledger.line(restored, environment.ledger[-1]))
    carry_out(environment, order(OLD, Action.ROLLBACK))
    assert environment.observe().live == OLD.name


def test_a_preview_shows_what_is_pending_and_the_way_back(environment: MemoryTarget) -> None:
    newer = rendered("c", migrations=MIGRATIONS)
    environment.pending = ("shop.0003",)
    environment.changed = {"shop.0003": dataclasses.replace(STRICT, name="shop.0003")}

    said = planning.preview(environment, order(newer, Action.DEPLOY), Progress(quiet=True), NoCompanion())

    assert "Pending: shop.0003" in said
    assert "code, and reverse shop.0003" in said
    back = planning.preview(environment, order(OLD, Action.ROLLBACK), Progress(quiet=True), NoCompanion())
    assert "Reverse shop.0002" in back
