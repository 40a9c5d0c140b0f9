"""Where MemoryTarget differs from a server; what they have in common is in tests/contract."""

import pytest

from tagship.deploy.observed import Migrated
from tagship.deploy.rollback_plan import FIRST
from tagship.deploy.target import Target
from tagship.errors import LockedError, RolloutError
from tagship.testing import MemoryTarget
from tests.fakes.builders import MIGRATIONS, rendered

OLD, NEW = rendered("a"), rendered("b")
WITH_MIGRATIONS = rendered("a", migrations=MIGRATIONS)


def test_is_a_target() -> None:
    target: Target = MemoryTarget()

    assert target.observe().live == ""


def test_a_history_of_deploys_ends_with_the_last_one_live_and_the_others_stopped() -> None:
    target = MemoryTarget.running(OLD, NEW)

    seen = target.observe()

    assert target.changes == []
    assert (seen.live, seen.live_release) == (NEW.name, NEW.release)
    assert [(release.name, release.runs) for release in seen.releases] == [(OLD.name, False), (NEW.name, True)]
    assert [(entry.release, entry.previous) for entry in seen.history] == [(OLD.name, ""), (NEW.name, OLD.name)]


@pytest.mark.parametrize("effect", ["still_ours", "observe"])
def test_looking_can_fail(effect: str) -> None:
    target = MemoryTarget(fails={effect: LockedError("gone")})

    with pytest.raises(LockedError, match="gone"):
        getattr(target, effect)()


def test_an_effect_that_failed_works_again_without_its_entry() -> None:
    target = MemoryTarget(fails={"cutover": RolloutError("no")})
    with pytest.raises(RolloutError):
        target.cutover(NEW.name)
    assert target.live == ""

    del target.fails["cutover"]
    target.cutover(NEW.name)

    assert target.live == NEW.name


def test_migrates_what_is_pending_once() -> None:
    target = MemoryTarget(pending=("shop.0001_initial", "blog.0001_initial", "shop.0002_price"))

    assert target.migrate(WITH_MIGRATIONS, FIRST).leaves == ("blog.0001_initial", "shop.0002_price")
    assert target.migrate(WITH_MIGRATIONS, FIRST) == Migrated((), ("blog.0001_initial", "shop.0002_price"))
    assert target.changes == ["migrate shop.0001_initial blog.0001_initial shop.0002_price"]


def test_a_release_without_migrations_leaves_them_pending() -> None:
    target = MemoryTarget(pending=("shop.0001_initial",))

    assert target.migrate(OLD, FIRST) == Migrated()
    assert target.pending == ("shop.0001_initial",)
