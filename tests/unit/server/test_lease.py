"""The lock: a lease that lets one deploy at a time into an environment."""

import re
import signal
import threading
from typing import Any

import pytest

from tagship.engine.client import Engine
from tagship.errors import ConnectionFailedError, EngineError, LockedError, MigrationError, StoppedError
from tagship.names import Holder
from tagship.server import lease, lock
from tagship.server.lease import Lease
from tagship.system.signals import interruptible
from tests.fakes.builders import PLACE
from tests.fakes.locks import OTHER, Locks
from tests.fakes.servers import Answer, Request, Server

ME = Holder("me", "deploy")


@pytest.fixture
def locks(daemon: Server, engine: Engine) -> Locks:
    """An engine nobody has a lock on."""
    return Locks(daemon, engine)


def test_a_lease_is_held_and_freed(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        seen = lock.read(engine, PLACE)
        held.check()

    assert seen
    assert seen.holder == ME
    assert seen.expires - engine.now() == pytest.approx(lock.TTL, abs=2)
    assert locks.held == {}
    assert lock.read(engine, PLACE) is None


def test_a_lease_says_when_it_expires_and_goes_on_saying_so(
    engine: Engine, locks: Locks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_EVERY", 0.001)  # a quarter of a minute is too long for a test
    with Lease(engine, PLACE, ME):
        assert locks.renewed.wait(10)
        assert locks.held["lock1"]["archive"]


def test_a_lease_is_freed_when_the_deploy_fails(engine: Engine, locks: Locks) -> None:
    with pytest.raises(ZeroDivisionError), Lease(engine, PLACE, ME):
        raise ZeroDivisionError

    assert locks.held == {}


def test_a_lock_that_the_engine_makes_while_a_signal_stops_us_is_given_back(
    engine: Engine, locks: Locks, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lock.create

    def interrupted(*words: Any) -> str:  # noqa: ANN401 - passed on
        taken = made(*words)
        signal.raise_signal(signal.SIGTERM)
        return taken

    monkeypatch.setattr(lock, "create", interrupted)
    with pytest.raises(StoppedError), interruptible(), Lease(engine, PLACE, ME):
        pytest.fail("it was stopped before")

    assert locks.held == {}


def test_a_lock_that_was_made_when_the_connection_broke_is_given_back(
    engine: Engine, locks: Locks, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lock.create

    def cut(*words: Any) -> str:  # noqa: ANN401 - passed on
        made(*words)
        raise ConnectionFailedError("The SSH connection broke.", hint="try again")

    monkeypatch.setattr(lock, "create", cut)
    with pytest.raises(ConnectionFailedError), Lease(engine, PLACE, ME):
        pytest.fail("it has no lock")

    assert locks.held == {}


def test_a_second_signal_does_not_keep_the_lock_from_being_given_back(
    engine: Engine, locks: Locks, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed = lock.release

    def interrupted(*words: Any) -> None:  # noqa: ANN401 - passed on
        signal.raise_signal(signal.SIGINT)
        freed(*words)

    monkeypatch.setattr(lock, "release", interrupted)
    with pytest.raises(ZeroDivisionError), interruptible(), Lease(engine, PLACE, ME):
        raise ZeroDivisionError

    assert locks.held == {}


def test_a_server_that_never_saw_a_lock_is_given_its_empty_image(engine: Engine, locks: Locks) -> None:
    locks.image = False

    with Lease(engine, PLACE, ME):
        assert locks.held


def test_a_lock_says_who_holds_it_and_what_to_do(engine: Engine, locks: Locks) -> None:
    locks.hold(OTHER)

    with pytest.raises(LockedError) as caught, Lease(engine, PLACE, ME):
        pass

    who = "shop-staging is locked by ci (deploy staging, https://ci.example.com/1) for "
    assert re.fullmatch(re.escape(who) + r"3\d s\.", caught.value.problem)
    assert "tagship lock.release --env staging" in caught.value.hint
    assert list(locks.held) == ["lock1"]


def test_a_person_who_holds_a_lock_has_no_run_to_look_at(engine: Engine, locks: Locks) -> None:
    locks.hold(Holder("ada@laptop", "deploy"))

    with pytest.raises(LockedError, match=r"locked by ada@laptop \(deploy\) for"), Lease(engine, PLACE, ME):
        pass


def test_an_engine_that_can_keep_no_lock_is_an_error(engine: Engine, daemon: Server) -> None:
    full = Answer(500, {"message": "no space left on device"})
    daemon.answers |= {"POST /containers/create": full, "GET /containers/tagship-lock-shop-staging/json": full}

    with pytest.raises(EngineError, match="no space left"), Lease(engine, PLACE, ME):
        pass
    with pytest.raises(EngineError, match="no space left"):
        lock.read(engine, PLACE)


def test_a_dead_deploys_lock_is_taken_over(engine: Engine, locks: Locks) -> None:
    locks.hold(OTHER, since=-300, expires=-1)

    with Lease(engine, PLACE, ME) as held:
        assert held.took_over
        assert held.took_over.holder == OTHER
        assert list(locks.held) == ["lock2"]


def test_a_lock_without_an_expiry_counts_from_when_it_was_made(engine: Engine, locks: Locks) -> None:
    locks.hold(OTHER, since=-lock.TTL - 5, expires=None)
    with Lease(engine, PLACE, ME) as held:
        assert held.took_over

    locks.hold(OTHER, since=0, expires=None)
    with pytest.raises(LockedError), Lease(engine, PLACE, ME):
        pass


def test_expiry_is_judged_by_the_engines_clock(engine: Engine, locks: Locks, daemon: Server) -> None:
    locks.hold(OTHER, expires=30)
    daemon.headers["Date"] = "Fri, 01 Jan 2100 00:00:00 GMT"
    engine.get("/info")

    with Lease(engine, PLACE, ME) as held:
        assert held.took_over


def test_waits_for_a_lock_as_long_as_it_is_told(engine: Engine, locks: Locks, daemon: Server) -> None:
    made = locks.hold(OTHER)
    seen = locks.held[made]["archive"]

    def end_while_looked_at(_: Request) -> Answer:
        locks.free()
        return Answer(body=seen)

    daemon.answers[f"GET /containers/{made}/archive"] = end_while_looked_at

    with Lease(engine, PLACE, ME, wait=60) as held:
        assert held.took_over is None


def test_a_stale_lock_is_removed_by_the_id_that_was_read(engine: Engine, locks: Locks) -> None:
    locks.hold(OTHER)

    lock.release(engine, "lock0")

    assert list(locks.held) == ["lock1"]


def two_changes(held: Lease) -> None:
    """What the look beside one change finds is raised before the next."""
    held.check()
    held.check()


def test_a_lock_that_somebody_freed_stops_the_deploy_at_the_next_change(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        locks.free()
        with pytest.raises(LockedError, match="lost during the deploy"):
            two_changes(held)


def test_before_what_can_not_be_undone_a_lock_that_was_freed_just_now_is_noticed(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        held.check()
        held.confirm()
        locks.free()
        with pytest.raises(LockedError, match="lost during the deploy"):
            held.confirm()


def test_a_lock_that_went_in_a_prune_is_taken_again(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        locks.prune()
        locks.image = False  # a thorough one

        two_changes(held)

        assert list(locks.held) == ["lock2"]
        assert locks.held["lock2"]["archive"]
    assert locks.held == {}


def test_a_renewal_takes_it_again_too(engine: Engine, locks: Locks, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lease(engine, PLACE, ME) as held:
        monkeypatch.setattr(lease, "RENEW_EVERY", -1.0)
        locks.prune()

        two_changes(held)

        assert list(locks.held) == ["lock2"]


def test_a_pruned_lock_that_somebody_has_is_lost(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        locks.prune()
        locks.hold(OTHER)
        with pytest.raises(LockedError, match="lost during the deploy"):
            two_changes(held)

    assert list(locks.held) == ["lock2"]


def test_a_pruned_lock_that_somebody_had_since_is_lost_and_left_free(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        locks.prune()
        locks.hold(OTHER)
        locks.free()
        with pytest.raises(LockedError, match="lost during the deploy"):
            two_changes(held)

    assert locks.held == {}


def test_a_lock_that_ended_just_before_ours_does_not_count_as_one_that_somebody_had_since(
    engine: Engine, locks: Locks
) -> None:
    locks.hold(OTHER)
    locks.free()
    with Lease(engine, PLACE, ME) as held:
        locks.prune()

        two_changes(held)

        assert list(locks.held) == ["lock3"]


def test_who_had_a_pruned_lock_is_looked_for_from_when_it_was_last_ours(
    engine: Engine, locks: Locks, daemon: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lease(engine, PLACE, ME) as held:
        locks.prune()
        began = engine.now()
        monkeypatch.setattr(engine, "now", lambda: began + 10)  # long enough for another's deploy

        two_changes(held)

    asked = [float(request.query["since"]) for request in daemon.requests if request.path == "/events"]
    assert len(asked) == 2
    assert max(asked) < began


def test_the_way_back_after_a_lost_lock_takes_it_anew_where_nobody_has_it(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        locks.free()
        with pytest.raises(LockedError):
            two_changes(held)

        two_changes(held)
        two_changes(held)

        assert list(locks.held) == ["lock2"]


def test_the_way_back_is_somebody_elses_who_has_the_lock(engine: Engine, locks: Locks) -> None:
    with Lease(engine, PLACE, ME) as held:
        locks.free()
        locks.hold(OTHER)
        for _ in range(2):
            with pytest.raises(LockedError):
                two_changes(held)

    assert list(locks.held) == ["lock2"]


@pytest.mark.usefixtures("locks")
def test_a_check_renews_a_lease_that_was_not_renewed_in_time(engine: Engine, daemon: Server) -> None:
    with Lease(engine, PLACE, ME) as held:
        daemon.headers["Date"] = "Fri, 01 Jan 2100 00:00:00 GMT"  # the machine slept
        engine.get("/info")

        held.check()

        seen = lock.read(engine, PLACE)
        assert seen
        assert seen.expires > engine.now()


def test_a_change_does_not_wait_for_the_look_at_the_lock(engine: Engine, locks: Locks, daemon: Server) -> None:
    let_go = threading.Event()
    with Lease(engine, PLACE, ME) as held:
        daemon.answers["GET /containers/lock1/json"] = Answer(hang=let_go)
        held.check()
        let_go.set()
    assert locks.held == {}


def test_a_lock_that_can_not_be_freed_because_the_connection_is_gone_hides_no_error(
    engine: Engine, locks: Locks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise ConnectionFailedError("The SSH connection was cut.")

    held = Lease(engine, PLACE, ME)
    held.__enter__()
    monkeypatch.setattr(lock, "release", cut)
    failed = MigrationError("no column")

    held.__exit__(MigrationError, failed, None)

    assert "no column" in str(failed)
    assert "frees itself within 60 s" in failed.hint
    assert locks.held


def test_a_lock_that_can_not_be_freed_after_all_was_done_is_said(
    engine: Engine, locks: Locks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise ConnectionFailedError("The SSH connection was cut.")

    with Lease(engine, PLACE, ME) as held:
        monkeypatch.setattr(lock, "release", cut)

    assert held.left == "the lock on shop-staging frees itself within 60 s"
    assert locks.held


def test_a_lock_that_can_not_be_freed_is_an_error(engine: Engine, daemon: Server) -> None:
    daemon.answers["DELETE /containers/lock1"] = Answer(500, {"message": "driver failed"})

    with pytest.raises(EngineError, match="driver failed"):
        lock.release(engine, "lock1")
