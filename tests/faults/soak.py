"""Ordinary work and random faults for hours, one after another, under load: `nox -s soak -- --hours 1 --seed 7`.

The same application runs on both servers, and each action is one server's. After each of them everything is in order,
and memory, files, connections and disk are measured. `--write` renews docs/soak.svg.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyrage

from tests.faults import growth
from tests.faults.invariants import Wanted, ssh_of, violations
from tests.faults.samples import Samples, peak_memory
from tests.hello import LoadRun
from tests.rig import Rig
from tests.shop import Shop

_URLS = '''"""`/` reads and writes one row."""

import os
import time

from django.http import HttpResponse
from django.urls import path

from shop.models import Item


def index(request):
    """Counts in one row, which never becomes more."""
    Item.objects.get_or_create(pk=1, defaults={"name": "0"})
    if request.method == "POST":
        request.read()  # closing with a body unread resets the connection, which may cut the answer
        Item.objects.filter(pk=1).update(name=str(time.time()))
    if request.path.startswith("/slow"):
        time.sleep(2)
    return HttpResponse(f"hello {os.environ['RELEASE_SHA']} {os.environ['COLOR']}\\n")


urlpatterns = [path("", index), path("slow", index)]
'''
_LOAD: list[list[Any]] = [["/", None, True], ["/", None, False], ["/", "x" * 2000, True], ["/slow", None, True]]
_CANCEL = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 30.0))
"""How GitHub ends a cancelled run, with the seconds until the next signal."""
_TYPICAL = 6.0
"""Seconds within which a fault falls after the beginning of a deploy."""
_ACCESSORY = "-accessories-"
"""Belongs to no release, and that is right."""
_DOCS = Path(__file__).parents[2] / "docs"


class Soak:
    """An application on the rig's servers, and what happens to it."""

    def __init__(self, rig: Rig, folder: Path, seed: int, say: Callable[[str], None]) -> None:
        self._rig, self._say = rig, say
        self._random = random.Random(seed)  # noqa: S311 - a fault's moment is no secret
        self.app = Shop(rig, folder / "app", "soak")
        self.app.write({"urls.py": _URLS})
        self.app.compose["services"]["web"]["environment"]["COLOR"] = "${COLOR:-}"
        self.app.settings |= {
            "keep": 2,
            "backups": {
                "store": f"file://{folder / 'store'}",
                "recipients": [str(pyrage.x25519.Identity.generate().to_public())],
            },
        }
        (folder / "store").mkdir()
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._environments = tuple(self.app.settings["environments"])
        self._sha = dict.fromkeys(self._environments, "")
        self._color = dict.fromkeys(self._environments, 0)
        self._columns = 0
        self._loads: dict[str, LoadRun] = {}
        self._peak = 0.0
        self.actions: Counter[str] = Counter()
        self.requests = 0
        self.failures: list[str] = []
        self.problems: list[str] = []
        self.samples: dict[str, Samples] = {}

    def run(self, seconds: float) -> None:
        """Begin, and go on for so long."""
        for environment in self._environments:
            self._new_commit(environment)
            self._must("accessories.up", environment)
            self._must("ship", environment)
            self._load(environment)
            self.samples[environment] = Samples(self._wanted(environment))
        end = time.monotonic() + seconds
        kinds = {**ACTIONS, **{f"{DEPLOY} {name}": fault for name, fault in FAULTS.items()}}
        weights = [3 if name in ACTIONS else 1 for name in kinds]
        while time.monotonic() < end:
            environment = self._random.choice(self._environments)
            (name,) = self._random.choices(list(kinds), weights)
            self._step(environment, name, kinds[name])
        for environment in self._environments:
            self._rest(environment)

    def _step(self, environment: str, name: str, action: "Callable[[Soak, str], None]") -> None:
        self.actions[name] += 1
        self._peak = 0.0
        try:
            action(self, environment)
            wrong = [each for each in violations(self._wanted(environment)) if _ACCESSORY not in each]
        except (AssertionError, subprocess.SubprocessError, OSError) as error:
            wrong = [str(error)]
        self.problems += [f"{environment}, {name}: {problem}" for problem in wrong]
        if wrong:  # so that what went wrong here isn't found again at the next action
            self._new_commit(environment)
            self._run("ship", environment, "--wait", "90")
        self.samples[environment].take(self._wanted(environment), self._peak)
        self._say(f"{environment} {name}{': ' + '; '.join(wrong) if wrong else ''}")

    def deploy(self, environment: str) -> None:
        """A new commit."""
        self._new_commit(environment)
        self._must("ship", environment)

    def configure(self, environment: str) -> None:
        """Another value of a variable, and nothing else."""
        self._color[environment] += 1
        self._must("deploy", environment, "--sha", self._sha[environment])

    def roll_back(self, environment: str) -> None:
        """A new commit, back from it, and forward again; what differs only in secrets would be refused."""
        self.deploy(environment)
        self._must("rollback", environment, "--yes")
        self._must("deploy", environment, "--sha", self._sha[environment])

    def migrate(self, environment: str) -> None:
        """A commit with another column, migrated by itself and then deployed."""
        self._columns += 1
        name, after = f"{self._columns + 1:04d}_more", f"{self._columns:04d}_{'more' if self._columns > 1 else 'first'}"
        kind = "models.IntegerField(null=True)"
        self.app.field(f"more{self._columns} = {kind}")
        self.app.migration(name, after, f'migrations.AddField("Item", "more{self._columns}", {kind})')
        self._new_commit(environment)
        self._must("build")
        self._must("push")
        self._must("migrate", environment)
        self._must("deploy", environment)

    def back_up(self, environment: str) -> None:
        """A backup, and the old ones removed."""
        self._must("backup.create", environment)
        self._must("backup.prune", environment)

    def prune(self, environment: str) -> None:
        """What no release needs."""
        self._must("prune", environment)

    def killed(self, environment: str) -> None:
        """SIGKILL at any moment."""
        self._disturbed(environment, lambda process: process.kill())

    def cancelled(self, environment: str) -> None:
        """What a cancelled run in CI gets."""

        def cancel(process: "subprocess.Popen[str]") -> None:
            for number, patience in _CANCEL:
                process.send_signal(number)
                try:
                    process.communicate(timeout=patience)
                except subprocess.TimeoutExpired:
                    continue
                return

        self._disturbed(environment, cancel)

    def cut(self, environment: str) -> None:
        """The SSH connection breaks."""

        def cut(_: "subprocess.Popen[str]") -> None:
            for pid in ssh_of(self._temporary):
                os.kill(pid, signal.SIGKILL)

        self._disturbed(environment, cut)

    def pruned(self, environment: str) -> None:
        """Somebody prunes the server."""
        host = self._wanted(environment).host
        self._disturbed(environment, lambda _: host.docker("system", "prune", "--force"))

    def restarted(self, environment: str) -> None:
        """The engine restarts, and with it every container: meanwhile nothing asks."""
        engine = self._wanted(environment).host.engine

        def restart(_: "subprocess.Popen[str]") -> None:
            engine.stop()
            engine.start()

        self._rest(environment)
        try:
            self._disturbed(environment, restart)
        finally:
            self._load(environment)

    def _disturbed(self, environment: str, fault: "Callable[[subprocess.Popen[str]], object]") -> None:
        """A deploy that a fault meets, and then one that must succeed."""
        self._new_commit(environment)
        process = self._start("ship", environment)
        try:
            process.communicate(timeout=self._random.uniform(0.5, _TYPICAL))
        except subprocess.TimeoutExpired:
            fault(process)
            process.communicate(timeout=300)
        self._run("lock.release", environment)
        self._must("ship", environment, "--wait", "90")

    def _new_commit(self, environment: str) -> None:
        self._sha[environment] = self.app.commit()

    def _wanted(self, environment: str) -> Wanted:
        color = f"color{self._color[environment]}"
        return Wanted(self.app, environment, self._temporary, self._sha[environment], color)

    def _load(self, environment: str) -> None:
        self._loads[environment] = self.app.load(environment, _LOAD)

    def _rest(self, environment: str) -> None:
        """Ask no more, and count what was seen."""
        seen = self._loads.pop(environment).stop()
        self.requests += seen["requests"]
        self.failures += [f"{environment}: {failure}" for failure in seen["failures"]]

    def _must(self, task: str, environment: str = "", *words: str) -> None:
        done = self._run(task, environment, *words)
        assert done.returncode == 0, f"tagship {task} ended with {done.returncode}: {done.stdout}{done.stderr}"

    def _run(self, task: str, environment: str, *words: str) -> "subprocess.CompletedProcess[str]":
        process = self._start(task, environment, *words)
        while True:
            try:
                out, err = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                self._peak = max(self._peak, peak_memory(process.pid))
                continue
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _start(self, task: str, environment: str, *words: str) -> "subprocess.Popen[str]":
        env = {"COLOR": f"color{self._color.get(environment, 0)}", "TMPDIR": str(self._temporary)}
        return self.app.start(task, *(("--env", environment) if environment else ()), *words, env=env)


DEPLOY = "deploy,"
ACTIONS: Mapping[str, Callable[[Soak, str], None]] = {
    "deploy": Soak.deploy,
    "configuration-only deploy": Soak.configure,
    "rollback, and forward again": Soak.roll_back,
    "migration": Soak.migrate,
    "backup": Soak.back_up,
    "prune": Soak.prune,
}
FAULTS: Mapping[str, Callable[[Soak, str], None]] = {
    "SIGKILL": Soak.killed,
    "cancelled": Soak.cancelled,
    "SSH cut": Soak.cut,
    "docker system prune": Soak.pruned,
    "the engine restarts": Soak.restarted,
}


def quantities(soak: Soak) -> list[growth.Quantity]:
    """Those of all servers; what both measured of the deployer is one."""
    found: dict[str, growth.Quantity] = {}
    for samples in soak.samples.values():
        for each in samples.quantities:
            known = found.setdefault(each.name, each)
            if known is not each:
                known.samples = sorted([*known.samples, *each.samples])
    return list(found.values())


def page(soak: Soak, seed: int, seconds: float) -> str:
    """What was seen, as the text of a page."""
    measured = quantities(soak)
    counted = [f"- {name}: {count}" for name, count in sorted(soak.actions.items())]
    grown = [quantity.name for quantity in measured if quantity.grew]
    result = f"these grew: {', '.join(grown)}" if grown else "nothing grew"
    summary = (
        f"{seconds / 60:.0f} minutes, seed {seed}, {sum(soak.actions.values())} actions on two servers; "
        f"{len(soak.failures)} of {soak.requests} requests failed; {len(soak.problems)} problems; {result}."
    )
    return "\n".join([summary, "", *counted, "", *growth.table(measured), ""])


def main() -> int:
    """The command line. Returns 1 when anything grew, failed or was left."""
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--write", action="store_true", help="renew docs/soak.svg")
    words = parser.parse_args()
    print(f"--hours {words.hours:g} --seed {words.seed}", flush=True)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with Rig(images=["python", "caddy", "postgis"]) as rig:
            for host in rig.hosts:
                rig.reset(host)
            soak = Soak(rig, folder, words.seed, say)
            try:
                soak.run(words.hours * 3600)
            finally:
                soak.app.remove()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = page(soak, words.seed, words.hours * 3600)
    print("\n".join([*soak.problems, *soak.failures[:50], text]))
    if words.write:
        title = f"A soak of {words.hours * 60:.0f} minutes, seed {words.seed}"
        (_DOCS / "soak.svg").write_text(growth.picture(quantities(soak), title))
    return 1 if soak.problems or soak.failures or any(each.grew for each in quantities(soak)) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(os.EX_TEMPFAIL))
    sys.exit(main())
