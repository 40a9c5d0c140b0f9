"""Merges what several containers print, by time; follows those that start later, too."""

import heapq
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from tagship.engine import logs
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.logs import Line
from tagship.errors import ConnectionFailedError, EngineError
from tagship.names import LABEL, Place
from tagship.system.threads import Thread

SETTLE = 0.15
"""Seconds in which lines of several containers are put in order before they are shown."""
_MISSING = 404
_LATE = 1.0
"""Seconds by which a line may be older than the one before, because a container's streams race."""


@dataclass(frozen=True)
class Told:
    """A line, and where it came from."""

    container: Container
    line: Line


@dataclass(frozen=True)
class Wanted:
    """Which lines. `since`: seconds since the epoch by the engine's clock; `tail`: of each container, None for all."""

    since: float = 0
    tail: int | None = None
    fits: Callable[[str], bool] = lambda _: True
    """Whether a line's text is wanted; `tail` counts only those."""


@dataclass
class _Seen:
    """How far a container was shown: its first and last time, and its latest lines, which may be read twice."""

    first: str
    at: str = ""
    latest: deque[Line] = field(default_factory=lambda: deque(maxlen=200))


class Logs:
    """The lines of some containers."""

    def __init__(self, engine: Engine, containers: Sequence[Container], wanted: Wanted) -> None:
        self._engine = engine
        self._containers = list(containers)
        self._wanted = wanted
        self._seen: dict[str, _Seen] = {}
        self._began = 0.0

    def so_far(self) -> Iterator[Told]:
        """The lines until now, of all containers, by time."""
        self._began = self._engine.now() - _LATE
        yield from heapq.merge(*map(self._so_far, self._containers), key=lambda told: told.line.at)

    def following(
        self, place: Place, wants: Callable[[Container], bool], tell: Callable[[str], object]
    ) -> Iterator[Told]:
        """The lines from now on, also of containers that start later, if `wants` says so; ends only with an error.

        A connection that breaks is made again, and nothing is left out. Raises ConnectionFailedError.
        """
        while True:
            following = _Following(self._engine, place, wants)
            for container in self._containers:
                following.add(container, self._since(container))
            try:
                yield from filter(None, map(self._new, following.told(self._found, self._since)))
            except ConnectionFailedError as error:
                tell(f"{error.problem} Connecting again.")
                self._engine.text("/_ping")  # raises if it can't be reached

    def _found(self, container: Container) -> None:
        if all(container.id != known.id for known in self._containers):
            self._containers.append(container)

    def _so_far(self, container: Container) -> Iterator[Told]:
        everything = self._wanted.since or self._wanted.fits is not Wanted.fits
        tail = None if everything else self._wanted.tail
        since = f"{self._wanted.since:.9f}" if self._wanted.since else ""
        try:
            found: Iterable[Line] = logs.read(self._engine, container.id, since=since, tail=tail)
            found = (line for line in found if self._noted(container, line))
            found = (line for line in found if self._wanted.fits(line.text))
            if self._wanted.tail is not None:
                found = deque(found, maxlen=self._wanted.tail)
            yield from (Told(container, line) for line in found)
        except EngineError as error:
            if error.status != _MISSING:  # it was removed meanwhile
                raise

    def _noted(self, container: Container, line: Line) -> bool:
        seen = self._seen.setdefault(container.id, _Seen(line.at))
        seen.at = max(seen.at, line.at)
        seen.latest.append(line)
        return True

    def _new(self, told: Told) -> Told | None:
        """A followed line, unless it was shown already or isn't wanted."""
        seen = self._seen.get(told.container.id)
        if seen and (told.line.at < seen.first or told.line in seen.latest):
            return None
        self._noted(told.container, told.line)
        return told if self._wanted.fits(told.line.text) else None

    def _since(self, container: Container) -> str:
        """From when on to follow a container: a little before the last line that was shown."""
        if seen := self._seen.get(container.id):
            return f"{datetime.fromisoformat(seen.at).timestamp() - _LATE:.9f}"
        return f"{self._began:.9f}"


class _Following:
    """One stream for each container, and one of the engine's events, read by threads into one queue."""

    def __init__(self, engine: Engine, place: Place, wants: Callable[[Container], bool]) -> None:
        self._engine = engine
        self._wants = wants
        self._queue: queue.SimpleQueue[Told | Container | Exception] = queue.SimpleQueue()
        labels = [f"{LABEL}.app={place.app}", f"{LABEL}.environment={place.environment}"]
        self._starts = {"type": ["container"], "event": ["start"], "label": labels}
        self._start(self._watch)

    def add(self, container: Container, since: str) -> None:
        """Read a container's lines, too."""
        self._start(partial(self._read, container, since))

    def told(self, found: Callable[[Container], object], since: Callable[[Container], str]) -> Iterator[Told]:
        """The lines, in order as far as they come within SETTLE. Raises ConnectionFailedError."""
        while True:
            batch = [self._queue.get()]
            time.sleep(SETTLE)
            while not self._queue.empty():
                batch.append(self._queue.get())
            for item in batch:
                if isinstance(item, Container):
                    found(item)
                    self.add(item, since(item))
            yield from sorted((item for item in batch if isinstance(item, Told)), key=lambda told: told.line.at)
            if failed := next((item for item in batch if isinstance(item, Exception)), None):
                raise failed

    def _start(self, work: Callable[[], object]) -> None:
        Thread(target=self._or_error, args=(work,), name="tagship-logs", daemon=True).start()

    def _or_error(self, work: Callable[[], object]) -> None:
        try:
            work()
        except EngineError as error:
            if error.status != _MISSING:
                self._queue.put(error)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for lines
            self._queue.put(error)

    def _read(self, container: Container, since: str) -> None:
        for line in logs.follow(self._engine, container.id, since=since):
            self._queue.put(Told(container, line))

    def _watch(self) -> None:
        with self._engine.opened("GET", "/events", filters=self._starts) as events:
            for event in events:
                container = _started(event)
                if self._wants(container):
                    self._queue.put(container)
        self._queue.put(ConnectionFailedError("The engine ended its events."))


def _started(event: Mapping[str, Any]) -> Container:
    """The container of an event."""
    named = event["Actor"]["Attributes"]
    return Container(
        id=event["Actor"]["ID"],
        name=named.get("name", ""),
        project=named.get("com.docker.compose.project", ""),
        service=named.get("com.docker.compose.service", ""),
        state="running",
        status="",
        created=float(event.get("time") or 0),
        addresses={},
        one_off=named.get("com.docker.compose.oneoff") == "True",
    )
