"""SIGKILL at random instants of real deploys, under load: `nox -s faults -- --random 100`. A seed replays a run.

After each kill the next deploy has to succeed, nothing may be left behind here or there, and the ledger has to tell all
of it. Requests may fail only where there is no release that could serve yet.
"""

import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.invariants import Wanted, violations
from tests.hello import Hello
from tests.rig import Rig

FIRST, DEPLOY, CONFIGURATION, ROLLBACK = "first deploy", "deploy", "configuration-only deploy", "rollback"
LONGEST = {FIRST: 8.0, DEPLOY: 6.0, CONFIGURATION: 5.0, ROLLBACK: 4.0}
"""Seconds after its start at which the last kill may fall; what ends sooner is killed within its own time later."""
EXPIRES_EVERY = 10
"""Every tenth killed lock is left to expire by itself, a minute; the others are freed by a person's command."""


@dataclass
class Report:
    """What was seen."""

    kills: int = 0
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    late: int = 0
    """Lines of ledgers that say "recorded late"."""

    def line(self) -> str:
        """All of it, but for the details."""
        return (
            f"{self.kills} kills, {len(self.problems)} problems, {self.late} recorded late, "
            f"{len(self.failures)} of {self.requests} requests failed"
        )


class Chaos:
    """One application on one server, killed again and again while a load runs on it."""

    def __init__(
        self, rig: Rig, folder: Path, name: str, environment: str, seed: int, say: Callable[[str], None]
    ) -> None:
        self.report = Report()
        self._rig = rig
        self._random = random.Random(seed)  # noqa: S311 - a fault's moment is no secret
        self._environment = environment
        self._say = say
        self._temporary = folder / f"{name}-tmp"
        self._temporary.mkdir()
        self.app = Hello(rig, folder / name, name)
        self.app.settings["secrets"] = "env://"
        if seed % 3 == 0:
            self.app.settings |= {"registry": "embedded", "registry-image": rig.image("registry")}
        self._took = dict(LONGEST)
        self._color = 0
        self._killed = 0

    def run(self, kills: int) -> Report:
        """So many kills, the first of them of a first deploy."""
        self._sha = self.app.commit()
        self._kill(FIRST, self._ship)
        self._recover(FIRST)
        load = self.app.load(self._environment)
        try:
            while self.report.kills < kills:
                self._step(self._random.choice((DEPLOY, DEPLOY, CONFIGURATION, ROLLBACK)))
        finally:
            seen = load.stop()
        self.report.requests, self.report.failures = seen["requests"], seen["failures"]
        self.report.late = sum("recorded late" in entry["why"] for entry in self._history())
        return self.report

    def remove(self) -> None:
        """What the run left on the servers and on this machine."""
        self.app.remove()
        if self.app.settings["registry"] == "embedded":
            self._rig.laptop.run(["docker", "compose", "-p", f"{self.app.name}-registry", "down", "--volumes"])
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _step(self, what: str) -> None:
        if what == DEPLOY:
            self._sha = self.app.commit()
        elif what == CONFIGURATION:
            self._color += 1
        elif len([entry for entry in self._history() if entry["result"] == "ok"]) < 2:
            return
        self._kill(what, self._back if what == ROLLBACK else self._ship)
        self._recover(what)

    def _kill(self, what: str, begin: Callable[[], subprocess.Popen[str]]) -> None:
        after = self._random.uniform(0, self._took[what])
        began = time.monotonic()
        process = begin()
        try:
            process.communicate(timeout=after)
            self._took[what] = time.monotonic() - began  # it ended first: kill sooner
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.report.kills += 1
            self._killed += 1
            self._say(f"{self.app.name} {what}: killed after {after:.2f} s")

    def _recover(self, what: str) -> None:
        """The next deploy succeeds, and everything is in order."""
        if self._killed % EXPIRES_EVERY:
            self._call("lock.release", "--env", self._environment)
        done = self._finish(self._ship("--wait", "90"))
        if done.returncode:
            self._problem(what, f"the next deploy ended with {done.returncode}:\n{done.stderr}")
            return
        for problem in violations(self._wanted):
            self._problem(what, problem)

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self.app, self._environment, self._temporary, self._sha, f"color{self._color}")

    def _ship(self, *words: str) -> subprocess.Popen[str]:
        return self._start("ship", "--env", self._environment, *words)

    def _back(self) -> subprocess.Popen[str]:
        return self._start("rollback", "--env", self._environment)

    def _start(self, *words: str) -> subprocess.Popen[str]:
        return self.app.start(*words, env={"COLOR": f"color{self._color}", "TMPDIR": str(self._temporary)})

    def _call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._finish(self._start(*words))

    @staticmethod
    def _finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _history(self) -> list[dict[str, str]]:
        return self.app.history(self._environment)

    def _problem(self, what: str, problem: str) -> None:
        self.report.problems.append(f"{self.app.name} after a killed {what}: {problem}")
        self._say(self.report.problems[-1])


def run(rig: Rig, folder: Path, kills: int, seed: int, say: Callable[[str], None], *, apps: int = 6) -> Report:
    """So many kills, spread over new applications on the rig's servers, two at a time, one on each."""
    share = [kills // apps + (number < kills % apps) for number in range(apps)]
    whole, lock = Report(), threading.Lock()

    def server(environment: str, numbers: range) -> None:
        for number in numbers:
            if not share[number]:
                continue
            chaos = Chaos(rig, folder, f"chaos{number}", environment, seed * 6 + number, say)
            try:
                report = chaos.run(share[number])
            finally:
                chaos.remove()
            say(f"{chaos.app.name} on {environment}, {chaos.app.settings['registry']}: {report.line()}")
            with lock:
                whole.kills += report.kills
                whole.requests += report.requests
                whole.failures += report.failures
                whole.problems += report.problems
                whole.late += report.late

    with ThreadPoolExecutor(len(rig.hosts)) as threads:
        lines = [threads.submit(server, f"host{n + 1}", range(n, apps, len(rig.hosts))) for n in range(len(rig.hosts))]
    for line in lines:
        line.result()
    return whole


def report(kills: int, seed: int) -> int:
    """Print what was seen. Returns 1 when anything went wrong that shouldn't have."""
    with Rig(images=["python", "caddy", "registry"]) as rig, tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for host in rig.hosts:
            rig.reset(host)
        seen = run(rig, Path(folder), kills, seed, lambda line: print(line, flush=True))
    print("\n".join([*seen.problems, *seen.failures[:50]]))
    print(seen.line())
    return 1 if seen.problems or seen.failures else 0
