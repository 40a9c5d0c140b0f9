"""Prints the lines of containers, for `logs` and `accessories.logs`, and reads their common options."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from tagship.engine.containers import Container
from tagship.errors import StoppedError, UsageError
from tagship.project.values import seconds
from tagship.reporting import loglines
from tagship.server.logs import Logs, Told, Wanted
from tagship.server.session import Session

_CONTROLS = re.compile(r"[\x7f-\x9f]")
"""What JSON needn't escape, and a terminal obeys."""
LINES = 100
"""How many lines of each container are shown if nothing else is said."""


class Display:
    """How lines are printed."""

    def __init__(self, *, raw: bool, json: bool) -> None:
        if raw and json:
            raise UsageError("--raw and --json exclude each other.", hint="pass one of them")
        self._raw, self._json = raw, json
        self._terminal = sys.stdout.isatty()
        self._color = self._terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self._zone = datetime.now().astimezone().tzinfo
        self._width = 0
        self._several: set[str] = set()

    def several(self, containers: Iterable[Container]) -> None:
        """Learn which services have several containers, and how wide their names are."""
        services = [(c.project, c.service) for c in containers]
        self._several |= {service for project, service in services if services.count((project, service)) > 1}
        self._width = max((self._width, *(len(self._name(c)) for c in containers)))

    def print(self, told: Told) -> None:
        """Print a line."""
        for text in self._lines(told):
            print(text.encode(errors="backslashreplace").decode())  # JSON may have half an emoji

    def _lines(self, told: Told) -> Iterator[str]:
        container, line = told.container, told.line
        if self._raw:
            yield loglines.harmless(line.text, color=self._color) if self._terminal else line.text
        elif self._json:
            named = {"service": container.service, "container": container.name, "release": container.project}
            said = {"at": line.at, **named, "stream": line.stream, "text": line.text}
            text = json.dumps({**said, "fields": loglines.fields(line.text)}, ensure_ascii=False)
            yield _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        else:
            at = loglines.clock(line.at, datetime.now(self._zone))
            name = self._name(container)
            for text in loglines.rendered(line.text, terminal=self._terminal, color=self._color):
                yield f"{name:{self._width}} │ {at} {text}"
                at = " " * len(at)

    def _name(self, container: Container) -> str:
        if container.service not in self._several:
            return container.service
        return container.name.removeprefix(f"{container.project}-")


def wanted(since: str, tail: str, grep: str) -> Callable[[float], Wanted]:
    """Which lines, from the engine's now. Raises UsageError."""
    moment, number = _moment(since), _number(tail, None if since else LINES)
    fits = {"fits": _pattern(grep)} if grep else {}
    return lambda now: Wanted(since=moment(now), tail=number, **fits)


def show(  # noqa: PLR0913 - whose, which and how
    session: Session,
    containers: list[Container],
    which: Wanted,
    how: Display,
    follow: list[str] | None = None,
    *,
    alone: bool = False,
    accessories: bool = False,
) -> None:
    """Print the lines so far. `follow`: then those of these services, of all if it is empty, until Ctrl-C.

    `alone`: follow no other release.
    """
    logs = Logs(session.engine, containers, which)
    how.several(containers)
    projects = {c.project for c in containers}

    def wants(container: Container) -> bool:
        accessory = container.project == session.place.accessories
        released = session.place.owns(container.project)  # the guard of a command has neither project nor logs
        ours = container.project in projects if alone or accessories or accessory else released
        fits = container.service in follow if follow else not accessory or accessories
        if ours and fits and not container.one_off:
            how.several([container])
            _say(f"{container.name} starts")
            return True
        return False

    try:
        for told in logs.so_far():
            how.print(told)
        if follow is not None:
            sys.stdout.flush()
            for told in logs.following(session.place, wants, _say):
                how.print(told)
                sys.stdout.flush()
    except StoppedError:
        if follow is None:
            raise


def _say(text: str) -> None:
    sys.stderr.write(f"  {text}\n")


def _pattern(grep: str) -> Callable[[str], bool]:
    """Whether a line has the pattern. Raises UsageError."""
    try:
        expression = re.compile(grep, re.IGNORECASE)
    except re.error as error:
        raise UsageError(
            f"--grep {grep!r} is no regular expression: {error}.", hint="put a \\ before . ( [ * + ?"
        ) from None
    return lambda text: bool(expression.search(text))


def _number(tail: str, default: int | None) -> int | None:
    """How many lines. Raises UsageError."""
    if tail and tail != "all" and not re.fullmatch(r"\d{1,9}", tail):
        raise UsageError(f"--tail {tail!r} is no number of lines.", hint="give one of at most nine digits, or `all`")
    return int(tail) if tail.isdecimal() else None if tail else default


def _moment(since: str) -> Callable[[float], float]:
    """The moment, from the engine's now; 0 for the beginning. Raises UsageError.

    A duration counts by the engine's clock; a time of day is today's, or yesterday's if it is still to come.
    """
    if not since:
        return lambda _: 0
    try:
        back = float(str(seconds(since)))
    except ValueError:
        pass
    else:
        return lambda now: now - back
    here = datetime.now().astimezone()
    try:
        if re.fullmatch(r"\d\d?:\d\d(:\d\d)?", since):
            time = datetime.strptime(since, "%H:%M:%S" if since.count(":") > 1 else "%H:%M").time()  # noqa: DTZ007 - this machine's
            found = here.replace(hour=time.hour, minute=time.minute, second=time.second, microsecond=0)
            found -= timedelta(days=1) if found > here else timedelta()
        else:
            found = datetime.fromisoformat(since).astimezone()
    except ValueError:
        raise UsageError(f"--since {since!r} is no time.", hint="write 10m, 2h, 14:00 or 2026-11-27T14:00") from None
    return lambda _: found.timestamp()
