"""Chooses cases from the points of the commands, tries them on both servers, and writes what came of each."""

import itertools
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from tests.faults.case import Case, Result, Runner, as_row
from tests.faults.kinds import KINDS
from tests.faults.points import Point
from tests.faults.site import COMMANDS, Site
from tests.rig import Rig

Say = Callable[[str], None]
WHOLE = "deploy"
"""The command of which most kinds are tried at every step."""
SERVERS = 2
_LEFT_OUT = 5
"""Every fifth kind is left out at a step, at the next one others, if at least `_LEAST` stay."""
_LEAST = 17
"""One more than docs/reliability.md promises: what a fault needs may be gone when it comes."""
POINTS_WITHIN = 300.0
"""Seconds that a server may be behind the other when both have looked at their points."""
_OWN_EVERY = 4
"""Every fourth kind is tried at a step that only another command has."""
_SLOW_EVERY = 7
"""A kind that takes a minute is tried at every seventh step."""


@dataclass(frozen=True)
class Choice:
    """What to try; nothing given means all."""

    kinds: Sequence[str] = ()
    steps: Sequence[str] = ()
    """Parts of steps' names."""
    commands: Sequence[str] = ()
    engines: Sequence[int] = (1, 2)
    """The numbers of servers: 1 has the current engine, 2 an old one."""
    seed: int = 1
    cases: int = 0
    """How many on each server; 0 for all."""
    all: bool = False
    """Every kind at every step and phase of every command, on each server."""
    sample: bool = False
    """As many as let every `sampled` kind and every step occur once, on one of the servers."""


def chosen(points: dict[str, list[Point]], choice: Choice, number: int) -> list[Case]:
    """The cases for a server, the most telling first.

    First four of five kinds at every step of a deploy, each pair on one of the servers; of the other commands as many
    as let every kind and every step occur, and one of four kinds at each step that no deploy has. With `all`, then the
    other pairs of a kind and a step, and then all again at the other phases: which phase comes first changes from one
    pair to the next. A kind comes only where there is something to do it to.
    """
    kinds = [name for name in KINDS if not choice.kinds or name in choice.kinds]
    random.Random(choice.seed).shuffle(kinds)  # noqa: S311 - an order is no secret
    kinds.sort(key=lambda name: KINDS[name].slow)
    if choice.sample:
        return sample(kinds, points, number, len(choice.engines))
    whole = {point.step for point in points.get(WHOLE, ())} or {
        point.step for each in points.values() for point in each
    }
    first: list[Case] = []
    rounds: list[list[Case]] = [[], [], []]
    for command, found in points.items():
        rounds_here = _rounds(kinds, command, found, choice, number)
        ours = _mixed(rounds_here[0], choice.seed)
        if command == WHOLE:
            first += [
                case for case in _most(ours, kinds, found) if _place(case, kinds, found) % SERVERS == number % SERVERS
            ]
        else:
            least = list(covering(ours))
            own = [
                case for case in ours if case.point.step not in whole and not _place(case, kinds, found) % _OWN_EVERY
            ]
            both = dict.fromkeys([*least, *own])
            first += [case for at, case in enumerate(both) if at % SERVERS == number % SERVERS]
        rounds = [cases + more for cases, more in zip(rounds, rounds_here, strict=True)]
    first = _mixed(first, choice.seed + number)
    rest = [case for part in rounds for case in _mixed(part, choice.seed + number) if case not in set(first)]
    return (first + rest if choice.all else first)[: choice.cases or None]


def _rounds(
    kinds: Sequence[str], command: str, points: Sequence[Point], choice: Choice, number: int
) -> list[list[Case]]:
    """Every kind at every step of a command: at one phase, then at the second, then at the third."""
    steps = list(dict.fromkeys(point.step for point in points))
    steps = [step for step in steps if not choice.steps or any(part in step for part in choice.steps)]
    rounds: list[list[Case]] = [[], [], []]
    for (at, kind), (to, step) in itertools.product(enumerate(kinds), enumerate(steps)):
        if KINDS[kind].slow and (at + to) % _SLOW_EVERY:
            continue
        phases = [point.phase for point in points if point.step == step and KINDS[kind].needs <= point.has]
        for turn, cases in enumerate(rounds):
            if turn < len(phases):
                phase = phases[(turn + at + to + number) % len(phases)]
                cases.append(Case(kind, command, Point(step, phase), number))
    return rounds


def _most(cases: Sequence[Case], kinds: Sequence[str], points: Sequence[Point]) -> Iterator[Case]:
    """Four of five kinds at each step, and not less than `_LEAST` if so many can be done there."""
    steps: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        steps[case.point.step].append(case)
    for there in steps.values():
        there.sort(key=lambda case: not _place(case, kinds, points) % _LEFT_OUT)  # those that may be left out, last
        kept = sum(bool(_place(case, kinds, points) % _LEFT_OUT) for case in there)
        yield from there[: max(kept, _LEAST)]


def _place(case: Case, kinds: Sequence[str], points: Sequence[Point]) -> int:
    """The number of a pair's diagonal, of kinds and steps as on a chessboard."""
    steps = list(dict.fromkeys(point.step for point in points))
    return kinds.index(case.kind) + steps.index(case.point.step)


def sample(kinds: Sequence[str], points: dict[str, list[Point]], number: int, servers: int) -> list[Case]:
    """The share of one of the servers, 1 and up, in a sample."""
    quick = [kind for kind in kinds if KINDS[kind].sampled]
    there: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for command, found in points.items():
        for point in found:
            there[command, point.step].append(point)
    cases = []
    for at, (kind, (command, step)) in enumerate(_paired(quick, there)):
        possible = [point for point in there[command, step] if KINDS[kind].needs <= point.has]
        cases.append(Case(kind, command, possible[at % len(possible)], number))
    return cases[(number - 1) % servers :: servers]


def _paired(
    kinds: Sequence[str], steps: Mapping[tuple[str, str], Sequence[Point]]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each kind with a step where it can be done, and each step with a kind: the kinds that need something first."""
    free = list(steps)
    for kind in sorted(kinds, key=lambda name: not KINDS[name].needs):
        able = [step for step, points in steps.items() if any(KINDS[kind].needs <= point.has for point in points)]
        if at := next((step for step in free if step in able), next(iter(able), None)):
            free = [step for step in free if step != at]
            yield kind, at
    undemanding = [kind for kind in kinds if not KINDS[kind].needs]
    yield from zip(itertools.cycle(undemanding), free, strict=False)


def _mixed(cases: list[Case], seed: int) -> list[Case]:
    """The same in an order in which kinds and steps soon have all occurred."""
    mixed = list(cases)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - an order is no secret
    first = list(covering(mixed))
    return [*first, *(case for case in mixed if case not in set(first))]


def covering(cases: Sequence[Case]) -> Iterator[Case]:
    """A few of them, in which every kind and every step occurs."""
    kinds, steps = {case.kind for case in cases}, {(case.command, case.point.step) for case in cases}
    for least in (2, 1):  # first those that bring a new kind and a new step
        for case in cases:
            new = (case.kind in kinds) + ((case.command, case.point.step) in steps)
            if new >= least:
                kinds.discard(case.kind)
                steps.discard((case.command, case.point.step))
                yield case


class Matrix:
    """All that was chosen, on one rig."""

    def __init__(self, rig: Rig, folder: Path, choice: Choice, say: Say, results: Path | None = None) -> None:
        self._rig, self._folder, self._choice, self._say = rig, folder, choice, say
        self._results = results
        self._writing = threading.Lock()
        self.points: dict[str, list[Point]] = {}
        """Command → its points, once they are known."""
        self._known = threading.Barrier(len(choice.engines))
        self._until = float("inf")
        self.done: list[Result] = read(results) if results else []
        self.requests = 0

    def run(self, seconds: float = float("inf")) -> list[Result]:
        """Try all, a server beside the other, or as many as that time allows. Returns the results, earlier ones too."""
        self._until = time.monotonic() + seconds
        with ThreadPoolExecutor(len(self._choice.engines)) as threads:
            lines = [threads.submit(self._server, number) for number in self._choice.engines]
            try:
                ended, going = wait(lines, return_when=FIRST_EXCEPTION)
            finally:
                self._until = 0.0  # after an error or a signal, each server ends the case that it is at
            for line in (*ended, *going):  # the other one's error may be of the first
                line.result()
        return self.done

    def _server(self, number: int) -> None:
        site = Site(self._rig, self._folder, f"faults{number}", number)
        try:
            site.settle(releases=1 if self._choice.sample else 2)  # the look at its points makes the second
            runner = Runner(site)
            wanted = [name for name in COMMANDS if not self._choice.commands or name in self._choice.commands]
            points = {name: runner.points(name) for name in wanted}
            cases = chosen(self._same(points, number), self._choice, number)
            known = {result.key for result in self.done}
            left = [case for case in cases if case.key not in known]
            steps = len({(case.command, case.point.step) for case in cases})
            kinds = len({case.kind for case in cases})
            self._say(f"host{number}: {len(left)} cases of {kinds} kinds at {steps} steps, {len(known)} known")
            for case in left:
                if time.monotonic() > self._until:
                    break
                began = time.monotonic()
                result = runner.run(case)
                result.seconds = round(time.monotonic() - began, 1)
                self.note(result)
        finally:
            self._known.abort()  # the other one would wait, if this one failed before
            site.remove()

    def _same(self, points: dict[str, list[Point]], number: int) -> dict[str, list[Point]]:
        """The first server's points, for both: each tries its share of the same cases."""
        if number == self._choice.engines[0]:
            self.points = points
        self._known.wait(POINTS_WITHIN)
        return self.points

    def note(self, result: Result) -> None:
        """Keep a result, and say it."""
        with self._writing:
            self.done.append(result)
            self._say(result.line())
            if self._results:
                with self._results.open("a") as file:
                    file.write(f"{json.dumps(as_row(result))}\n")


def read(path: Path) -> list[Result]:
    """The results of an earlier run."""
    return [Result(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []
