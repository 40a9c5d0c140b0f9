"""Holds the lock during a deploy: takes it or waits for it, renews it, and checks it while each change runs."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from tagship.engine.client import Engine
from tagship.errors import ConnectionFailedError, EngineError, LockedError, TagshipError
from tagship.names import Holder, Place
from tagship.server import lock
from tagship.server.lock import TTL, Lock
from tagship.system.parallel import ahead
from tagship.system.signals import deferred, uninterrupted
from tagship.system.threads import Thread

RENEW_EVERY = TTL / 4
PRUNE_TAKES = 3.0
"""Seconds between the removal of a container in a prune and the engine's event for the prune."""
_MISSING = 404


class Lease:
    """The lock, held and renewed during the block."""

    def __init__(self, engine: Engine, place: Place, holder: Holder, *, wait: float = 0) -> None:
        self.took_over: Lock | None = None
        self.left = ""
        """What to say of a lock that couldn't be given back; empty if it was."""
        self._engine = engine
        self._place = place
        self.holder = holder
        self._deadline = time.monotonic() + wait
        self._id = ""
        self._written = 0.0
        """When the expiry was last written, by the engine's clock."""
        self._lost = self._told = False
        self._looked: Callable[[], bool] = _unlooked
        """The result of the check that ran with the last change."""
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._renewal = Thread(target=self._renew, name="tagship-lease", daemon=True)

    def check(self) -> None:
        """Check the lock while a change runs. Raises LockedError if the previous check found it lost.

        The check starts with the change, and its result is raised by the next check, because waiting for it would cost
        each change a round trip. This is safe enough: nobody takes a lease before it expires, unless a person frees it.
        A lease that wasn't renewed in time, for example because a laptop slept, is renewed first.

        After a LockedError, the deploy observes the server again and undoes its changes. For this, the lock is taken
        again if it is free.
        """
        with self._looking:
            looked, self._looked = self._looked, _unlooked
            try:
                self._lost = self._lost or not looked()
            except ConnectionFailedError:  # it was cut beside that change, and the link may work again
                self._lost = self._lost or not self._still_ours()
            if self._engine.now() - self._written > RENEW_EVERY:
                self._lost = self._lost or not self._renewed()
            if self._lost and self._told and self._acquire():
                self._extend()
                self._lost = False
            self._told = self._told or self._lost
            lost = self._lost
            if not lost:
                self._looked = ahead(self._still_ours)
        if lost:
            raise LockedError(
                f"The lock on {self._place} was lost during the deploy.",
                hint="look at `tagship status`, then deploy again; someone released the lock or removed its container",
            )

    def confirm(self) -> None:
        """Check the lock now, before a change that can't be undone. Raises LockedError."""
        self.check()
        self.check()

    def __enter__(self) -> Self:
        try:
            self._take()
        except BaseException as error:  # a signal comes at any moment, also when the engine has just made the lock
            self.__exit__(type(error), error, None)
            raise
        return self

    def _take(self) -> None:
        while not self._acquire():
            held = lock.read(self._engine, self._place)
            if held and held.expires < self._engine.now():
                lock.release(self._engine, held.id)
                self.took_over = held
            elif held and time.monotonic() > self._deadline:
                raise lock.refusal(self._place, held, self._engine.now())
            elif held:
                time.sleep(0.5)
        self._renewal.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            self._stop.set()
            if self._renewal.is_alive():
                self._renewal.join()
            try:
                self._give_back()
            except ConnectionFailedError:  # it expires by itself, and the work is done
                self.left = f"the lock on {self._place} frees itself within {TTL:.0f} s"
                if isinstance(error, TagshipError):
                    error.add_hint(self.left)

    def _give_back(self) -> None:
        with contextlib.suppress(TagshipError):
            self._looked()
        ours, self._id = self._id, ""
        if ours:
            lock.release(self._engine, ours)

    def _acquire(self) -> bool:
        """Try to take the lock. Returns whether it was free. Without a file, it counts from its creation."""
        since = self._engine.now()
        with deferred():  # a signal before its id is known would leave the lock
            try:
                taken = lock.create(self._engine, self._place, self.holder, since)
            except ConnectionFailedError:
                self._drop(since)
                raise
            if taken:
                self._id, self._written = taken, since
        return bool(taken)

    def _drop(self, since: float) -> None:
        """Release the lock if the engine has made it, and its answer was lost."""
        with contextlib.suppress(TagshipError):
            held = lock.read(self._engine, self._place)
            if held and (held.holder, held.since) == (self.holder, since):
                lock.release(self._engine, held.id)

    def _extend(self) -> None:
        now = self._engine.now()
        lock.extend(self._engine, self._id)
        self._written = now

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_EVERY):
            # a failure here is checked again, and reported, before the next change
            with contextlib.suppress(TagshipError), self._looking:
                self._lost = self._lost or not self._renewed()

    def _still_ours(self) -> bool:
        return lock.stands(self._engine, self._id) or self._taken_again()

    def _renewed(self) -> bool:
        try:
            self._extend()
        except EngineError as error:
            if error.status != _MISSING:
                raise
            return self._taken_again()
        return True

    def _taken_again(self) -> bool:
        """Take the lock again if a prune removed it, unless another deploy had it since.

        Returns whether that worked.
        """
        ours, held = self._id, self._written  # taking it writes it anew, and what happened before that counts, too
        if not any(action == "prune" for action, _ in self._happened(held)) or not self._acquire():
            return False
        created = [container for action, container in self._happened(held) if action == "create"]
        if ours in created:  # what was created before ours had ended by then
            created = created[created.index(ours) + 1 :]
        if created[:1] == [self._id]:
            self._extend()
            return True
        lock.release(self._engine, self._id)
        return False

    def _happened(self, held: float) -> Iterator[tuple[str, str]]:
        """Prunes, and new locks of this environment, since we last held ours: `(action, container)`."""
        since, until = f"{held - 2:.0f}", f"{self._engine.now() + PRUNE_TAKES:.0f}"
        filters = {"type": ["container"], "event": ["prune", "create"]}
        for event in self._engine.stream("GET", "/events", filters=filters, since=since, until=until):
            actor = event["Actor"]
            if event["Action"] == "prune" or actor["Attributes"].get("name") == lock.name(self._place):
                yield event["Action"], actor["ID"]


def _unlooked() -> bool:
    return True
