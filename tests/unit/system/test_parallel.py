"""Several calls at once."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tagship.errors import StoppedError
from tagship.system.parallel import beside, settled, together
from tagship.system.signals import interruptible


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What a call may wait for; it happens at the test's end."""
    event = threading.Event()
    yield event
    event.set()


def test_two_calls_run_at_once_and_both_have_ended_when_the_first_fails() -> None:
    begun, ended = threading.Event(), threading.Event()

    def first() -> str:
        assert begun.wait(5), "they don't run at once"
        raise ValueError("first")

    def second() -> None:
        begun.set()
        time.sleep(0.05)
        ended.set()
        raise ValueError("second")

    with pytest.raises(ValueError, match="first"):
        beside(first, second)

    assert ended.is_set()
    assert beside(lambda: 1, lambda: "x") == (1, "x")
    with pytest.raises(ValueError, match="second"):
        beside(lambda: 1, second)


def test_results_come_in_the_order_of_the_items() -> None:
    first = threading.Event()

    def call(item: int) -> int:
        if item == 2:
            first.set()
        else:
            assert first.wait(5), "they don't run at once"
        return item * item

    assert together(call, [1, 2]) == [1, 4]
    assert together(call, []) == []


def test_an_error_goes_on_without_waiting_for_the_others(released: threading.Event) -> None:
    def call(item: int) -> None:
        if not item:
            raise ZeroDivisionError
        released.wait(20)

    with pytest.raises(ZeroDivisionError):
        together(call, [1, 0])


def test_a_signal_stops_the_wait_at_once(released: threading.Event) -> None:
    def call(_: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        released.wait(20)

    with pytest.raises(StoppedError, match=r"Stopped by SIGINT\."), interruptible():
        together(call, [1])

    assert not released.is_set()


def works(done: list[int], bad: int) -> Callable[[int], None]:
    """Work that fails for one thing."""

    def work(number: int) -> None:
        if number == bad:
            raise ValueError(number)
        done.append(number)

    return work


def test_the_first_failure_of_several_things_is_raised_when_all_have_ended() -> None:
    done: list[int] = []

    with pytest.raises(ValueError, match="1"):
        settled(works(done, bad=1), range(5))

    assert sorted(done) == [0, 2, 3, 4]


@pytest.mark.parametrize("things", [[], [0]])
def test_little_to_do_is_done_as_well(things: list[int]) -> None:
    done: list[int] = []

    settled(works(done, bad=1), things)

    assert done == things


def test_after_a_signal_nothing_more_is_begun_and_what_runs_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagship.system.parallel._AT_ONCE", 2)
    told, begun, ended = threading.Event(), [], []

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            os.kill(os.getpid(), signal.SIGINT)
        told.wait(0.3)  # long enough for the signal to arrive
        ended.append(number)

    with pytest.raises(StoppedError), interruptible():
        settled(work, range(8))

    assert sorted(begun) == sorted(ended) == [0, 1]
