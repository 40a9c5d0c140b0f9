"""Runs calls in parallel. A caller that is stopped doesn't wait for calls that still run."""

import contextlib
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tagship.errors import StoppedError
from tagship.system.signals import deferred
from tagship.system.threads import Thread

_AT_ONCE = 32
"""The most that are done to one engine at once."""
Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")


def ahead(call: Callable[[], Result]) -> Callable[[], Result]:
    """Start a call in a thread. The returned function waits for its result, or raises its error."""
    return started(call).result


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """The result of a call, or its error. Raises TimeoutError if it takes longer; its thread is then left alone."""
    return started(call).result(seconds)


def started(call: Callable[[], Result]) -> "Future[Result]":
    """Start a call in a thread that doesn't delay the end of the process."""
    done: Future[Result] = Future()

    def work() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            done.set_exception(error)

    Thread(target=work, name="tagship-ahead", daemon=True).start()
    return done


def beside(first: Callable[[], Result], second: Callable[[], Other]) -> tuple[Result, Other]:
    """Make two calls at once. Raises what the first raised, else what the second did; by then both have ended."""
    result = ahead(second)
    try:
        return first(), result()
    finally:
        with contextlib.suppress(Exception):
            result()


def together(call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Make a call for every item in parallel. Returns the results in the items' order; raises the first error.

    After a signal, threads that still run delay neither the caller nor the end of the process.
    """
    done: queue.SimpleQueue[tuple[int, Result | None, BaseException | None]] = queue.SimpleQueue()

    def work(at: int, item: Item) -> None:
        try:
            done.put((at, call(item), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            done.put((at, None, error))

    waiting = list(items)
    for at, item in enumerate(waiting):
        Thread(target=work, args=(at, item), daemon=True).start()
    results: dict[int, Result | None] = {}
    for _ in waiting:
        at, result, error = done.get()
        if error:
            raise error
        results[at] = result
    return [results[at] for at in range(len(waiting))]  # type: ignore[misc] # all are set


def settled(work: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Do the same for several items in parallel; after all have ended, raise the first failure.

    After a signal, it begins nothing more, and waits for what runs: what comes next may undo that.
    """
    things = list(items)
    if len(things) == 1:
        work(things[0])
    elif things:
        with ThreadPoolExecutor(min(_AT_ONCE, len(things))) as threads:
            try:
                with deferred():  # each starts a thread
                    running = [threads.submit(work, thing) for thing in things]
                for done in running:
                    done.result()
            except StoppedError:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
