"""One case: a command, a fault at one of its points, then the next deploy, and what is then in order."""

import itertools
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tagship.system.scratch import PREFIX, UNLOCKED
from tests.faults import data
from tests.faults.invariants import brought, leaves, locks, releases
from tests.faults.kinds import CODES, KINDS
from tests.faults.points import Ended, Point
from tests.faults.scene import NEW, Scene
from tests.faults.site import COMMANDS, Site

SPECIAL = "special case"
"""The command of results of `tests.faults.special`, which have no point."""
EXPIRES_EVERY = 8
"""Every eighth lock that a killed command left expires by itself, a minute later; every third of the others is freed by
a person's command, and the rest are removed."""
_BY_PERSON = 3
_DEPLOYS = frozenset({"deploy", "configuration-only deploy", "deploy with a canary"})
"""The commands that bring what is wanted, if they end with 0."""
_OTHERS = frozenset({"lock freed, and another deploy"})
"""The kinds after which something else may be live."""
_TELLING = ("took over", "left unfinished", "recorded late", "can't be finished", "skipped", "was removed", "wasn't")


@dataclass(frozen=True)
class Case:
    """What is tried."""

    kind: str
    command: str
    point: Point
    number: int
    """Of the server, and so the engine."""

    @property
    def key(self) -> str:
        """Its name in a file of results."""
        return " | ".join((self.kind, self.command, self.point.step, self.point.phase, str(self.number)))


@dataclass
class Result:
    """What came of it."""

    kind: str
    command: str
    step: str
    phase: str
    number: int
    reached: bool
    did: bool = True
    """Whether there was something to do it to."""
    code: int = 0
    serves: bool = True
    failed: int = 0
    requests: int = 0
    outage: int = 0
    """Seconds from the first failed request to the last."""
    after: str = ""
    """What the next deploy did."""
    seconds: float = 0.0
    parts: list[float] = field(default_factory=list)
    """Seconds until the command had ended, and until the next deploy had."""
    problems: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The name of its case."""
        return " | ".join((self.kind, self.command, self.step, self.phase, str(self.number)))

    def line(self) -> str:
        """For a person who watches."""
        verdict = "; ".join(self.problems) or "ok"
        failed = f"{self.failed}/{self.requests} failed{'' if self.serves else ' (may)'}"
        at = f" {self.phase} {self.step!r}" if self.step else ""
        where = f"host{self.number} {self.command}: {self.kind}{at}"
        return (
            f"{self.seconds:5.1f} s {self.parts} {where}: {self.code}, {failed}, next: {self.after or '-'}: {verdict}"
        )


class Runner:
    """Tries one case after another on one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._killed = itertools.count(1)

    def points(self, command: str) -> list[Point]:
        """The points of a command, from a run to which nothing is done."""
        what = COMMANDS[command]
        what.prepare(self.site)
        before = self.site.live() if not what.first else ""
        running = self.site.start(*what.words, asks=True)
        scene = Scene(running, self.site.deployer, self.site.wanted, before)
        done = running.go(facts=scene.facts)
        assert done.code == 0, f"{command}: {done.code}\n{done.err}"
        if what.words != ("ship",):  # which has brought what is wanted
            self.site.must("deploy")
        failed = self._calm(ends=True)
        assert not failed or not what.serves, f"{command}: {failed}"
        self.site.start_load()
        return done.points

    def run(self, case: Case) -> Result:
        """Try it. What it leaves in disorder is removed before the next one."""
        site, kind, what = self.site, KINDS[case.kind], COMMANDS[case.command]
        what.prepare(site)
        before = site.live() if not what.first else ""
        result = Result(case.kind, case.command, case.point.step, case.point.phase, case.number, reached=True)
        result.serves = kind.serves and what.serves and not what.first
        result.problems += self._calm(ends=not result.serves or NEW in kind.needs)
        running = site.start(*what.words, asks=True)
        scene = Scene(running, site.deployer, site.wanted, before, serves=result.serves, point=case.point)
        ended = running.go(case.point, lambda: kind.do(scene))
        began = time.monotonic()
        result.parts = [round(ended.seconds, 1)]
        result.code, result.serves, result.did = ended.code, scene.serves, scene.did
        result.reached = case.point in ended.points
        result.problems += scene.problems if result.reached else [f"it never came to {case.point}"]
        others = case.kind in _OTHERS
        result.problems += self._ended(ended, others=others)
        if ended.code == 0 and case.command in _DEPLOYS and scene.serves and not others:
            result.problems += brought(site.wanted, ended.err)
        self._finish(result, ended)
        result.parts.append(round(time.monotonic() - began, 1))
        return result

    def _calm(self, *, ends: bool) -> list[str]:
        """What failed since the last case. `ends`: also of what is in flight, because its failures count no more."""
        load = self.site.load
        if ends and load:
            self.site.stop_load()
            self.site.start_load()
        _, failures = self.site.asked()
        return [f"{len(failures)} requests had failed before it: {failures[:3]}"] if failures else []

    def _finish(self, result: Result, ended: Ended) -> None:
        """The next deploy, and what is in order after it."""
        self._next(result)
        result.problems += data.check(self.site, result.command, result.kind, ended) if not result.problems else []
        if ended.code == -signal.SIGKILL:
            self._sweep()
        result.problems += self.site.violations() if not result.problems else []
        self._count(result)
        if result.problems:
            result.problems.append(f"it had said:\n{ended.err}")
            self._start_anew()

    def _sweep(self) -> None:
        """Remove folders whose run was killed just as it made them; a run removes them a minute later."""
        for path in self.site.temporary.iterdir():
            if path.name.startswith(PREFIX) and not {each.name for each in path.iterdir()} - {UNLOCKED}:
                shutil.rmtree(path)

    def _ended(self, ended: Ended, *, others: bool = False) -> list[str]:
        """What is wrong with how the command ended, and with what it left. `others`: something else may be live."""
        site = self.site
        if ended.code == -signal.SIGKILL:
            number = next(self._killed)
            if number % EXPIRES_EVERY:
                site.free_lock(by_person=number % _BY_PERSON == 0)
            return []
        found = [] if ended.code in CODES else [f"it ended with {ended.code}"]
        if "Traceback" in ended.err:
            found.append("it showed a traceback")
        if locks(site.wanted):
            if "frees itself" not in ended.err:
                found.append("a lock is left")
            site.free_lock(by_person=True)
        # what is left, and that it knows; `_next` looks whether that deploy did it
        if (ended.code or not others) and not leaves(ended.err) and len(set(releases(site.wanted))) > 1:
            found.append(f"two releases run after it: {sorted(set(releases(site.wanted)))}")
        return found

    def _next(self, result: Result) -> None:
        done = self.site.run("ship", "--wait", "90")
        if done.code:
            result.problems.append(f"the next deploy ended with {done.code}:\n{done.err}")
        elif len(left := set(releases(self.site.wanted))) > 1:  # whatever was said to be left for it
            result.problems.append(f"two releases run after the next deploy: {sorted(left)}")
        told = [note for note in done.notes if any(words in note for words in _TELLING)]
        did = "nothing to do" if "nothing to do" in done.out else "deployed"
        result.after = "; ".join([*dict.fromkeys(told), did])

    def _count(self, result: Result) -> None:
        site = self.site
        if not result.serves:  # what hangs counts here; of the others it counts before the next case
            site.stop_load()
        result.requests, failures = site.asked()
        result.failed, result.outage = len(failures), outage(failures)
        site.start_load()
        if result.serves and failures:
            result.problems.append(f"{len(failures)} requests failed: {failures[:3]}")

    def _start_anew(self) -> None:
        self.site.empty()
        for path in self.site.temporary.iterdir():
            shutil.rmtree(path, ignore_errors=True)
        self.site.settle()
        self.site.asked()  # what has failed until now belongs to the case that was out of order


def outage(failures: Sequence[str]) -> int:
    """Seconds from the first failed request to the last, by the clock in what the load says of them."""
    at = [sum(int(part) * 60**power for power, part in enumerate(reversed(line[:8].split(":")))) for line in failures]
    return (at[-1] - at[0]) % 86400 if at else 0  # they may be of two days


def as_row(result: Result) -> dict[str, Any]:
    """For a file of results."""
    return asdict(result)
