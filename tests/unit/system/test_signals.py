"""Ctrl-C and cancelled runs."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tagship.errors import StoppedError
from tagship.system.signals import deferred, interruptible, uninterrupted

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_a_deploy_where_it_is(number: signal.Signals) -> None:
    with pytest.raises(StoppedError, match=f"Stopped by {number.name}") as caught, interruptible():
        signal.raise_signal(number)

    assert caught.value.code == 130


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_does_not_stop_the_way_back(number: signal.Signals) -> None:
    walked = []
    with interruptible():
        with uninterrupted():
            signal.raise_signal(number)
            walked.append("to the end")
        with pytest.raises(StoppedError):
            signal.raise_signal(number)

    assert walked == ["to the end"]


def test_a_signal_waits_until_the_answer_to_a_call_is_known() -> None:
    known = []

    def call() -> None:
        with deferred():
            signal.raise_signal(signal.SIGTERM)
            known.append("the answer")
        known.append("and more")

    with pytest.raises(StoppedError, match="SIGTERM"), interruptible():
        call()

    assert known == ["the answer"]


def test_a_signal_that_waited_is_not_lost_with_a_call_that_fails() -> None:
    def call() -> None:
        with deferred():
            signal.raise_signal(signal.SIGTERM)
            raise ZeroDivisionError

    with pytest.raises(StoppedError, match="SIGTERM"), interruptible():
        call()


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    with pytest.raises(ZeroDivisionError), interruptible(), uninterrupted():
        raise ZeroDivisionError

    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_thread_leaves_signals_to_the_main_one() -> None:
    def work() -> str:
        with interruptible():
            return "done"

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(work).result() == "done"
