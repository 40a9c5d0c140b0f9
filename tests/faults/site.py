"""One application on one server, to which things are done again and again while a load runs on it."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults import data, server
from tests.faults.invariants import Wanted, locks, violations
from tests.faults.points import Deployer, Ended, Running
from tests.hello import Hello, LoadRun
from tests.rig import Rig

LOAD: list[list[Any]] = [
    ["/", None, True],
    ["/", None, False],
    ["/", "x" * 2000, True],
    ["/slow", None, True],
    ["/slow", None, False],
    ["/pieces", None, True],
    ["/events", None, False],
    ["/upload", 20_000_000, False],
    ["/ws", None, False],
]
"""What asks: see `tests.load.Client`."""
HTTP2: list[list[Any]] = [["/", None, True, True], ["/", "x" * 2000, True, True], ["/slow", None, True, True]]
"""What asks besides, where the environment is served by HTTPS: all on one connection."""
SECURE = 2
"""The number of the server whose environment is served by HTTPS."""


@dataclass(frozen=True)
class Command:
    """A command that faults are tried on."""

    name: str
    words: tuple[str, ...]
    prepare: Callable[["Site"], None]
    first: bool = False
    """Whether nothing serves before it."""
    serves: bool = True
    """Whether a release serves all the while: a restore answers 503."""


class Site:
    """An application in an environment, always shipped from the same folder."""

    def __init__(self, rig: Rig, folder: Path, name: str, number: int) -> None:
        self.environment = f"host{number}"
        self.app = Hello(rig, folder / name, name)
        self.host = rig.hosts[number - 1]
        self.temporary = Path(tempfile.mkdtemp(prefix="tmp-", dir=folder))
        self.color = 0
        self.sha = ""
        self.marks = data.Marks()
        self.accepted = ""
        """Words of a violation that is in order: a case was about it."""
        self.load: LoadRun | None = None
        self._taken = 0, 0
        """The requests and failures of the present load that `asked` has returned."""
        self._rest: tuple[int, list[str]] = 0, []
        """Those that it hasn't, of loads that have ended."""
        server.furnish(self.app)
        self.load_by = LOAD
        if number == SECURE:
            server.secure(self.app, self.environment, self.host.address)
            self.load_by = LOAD + HTTP2
        (folder / f"store{number}").mkdir()
        server.keep(self.app, folder / f"store{number}")
        self.deployer = Deployer(self.app)

    @property
    def wanted(self) -> Wanted:
        """What should answer in the end."""
        return Wanted(self.app, self.environment, self.temporary, self.sha, f"color{self.color}")

    def start(self, *words: str, asks: bool = False) -> Running:
        """Start a command of this environment."""
        env = {"COLOR": f"color{self.color}", "TMPDIR": str(self.temporary)}
        return self.deployer.start((*words, "--env", self.environment), env, asks=asks)

    def run(self, *words: str) -> Ended:
        """Run it to its end."""
        return self.start(*words).go()

    def must(self, *words: str) -> Ended:
        """Run it to its end. Raises AssertionError if it fails."""
        done = self.run(*words)
        assert done.code == 0, f"tagship {' '.join(words)}: {done.code}\n{done.out}{done.err}"
        return done

    def commit(self, **replacements: str) -> None:
        """A new commit, which is wanted from now on."""
        self.sha = self.app.commit(**replacements)

    def live(self) -> str:
        """The release that is live; empty for none."""
        return self.host.docker("exec", "tagship-edge", "cat", f"/tagship/{self.wanted.place}/live").strip()

    def empty(self) -> None:
        """Remove all that was deployed, the edge included."""
        self.stop_load()
        self.host.engine.reset()

    def settle(self, *, releases: int = 2) -> None:
        """Bring it into order: two good releases, or fewer, one live, and the load on it."""
        self.free_lock(by_person=False)
        if not self.sha:
            self.commit()
        self.furnish()
        self.must("ship")
        for _ in range(1, releases):
            self.commit()
            self.must("ship")
        self.start_load()

    def furnish(self) -> None:
        """Have a database with rows, unless it has."""
        if data.container(self.wanted) in self.host.docker("ps", "--format", "{{.Names}}").split():
            return
        self.must("accessories.up")
        data.fill(self.wanted)

    def start_load(self) -> None:
        """Have it asked, unless it is already."""
        url = self.app.settings["environments"][self.environment]["url"]
        self.load = self.load or self.app.load_at(url, self.load_by, pause=0.2, address=self.host.address)

    def stop_load(self) -> None:
        """Ask no more, and wait for what is in flight."""
        if self.load:
            self._keep(self.load.stop())
        self.load, self._taken = None, (0, 0)

    def asked(self) -> tuple[int, list[str]]:
        """How many requests ended since the last call, and what failed. Nothing falls between two calls."""
        if self.load:
            seen = self.load.look()
            self._keep(seen)
            self._taken = seen["requests"], len(seen["failures"])
        found, self._rest = self._rest, (0, [])
        return found

    def _keep(self, seen: dict[str, Any]) -> None:
        requests, failures = self._taken
        before, failed = self._rest
        self._rest = before + seen["requests"] - requests, failed + seen["failures"][failures:]

    def free_lock(self, *, by_person: bool) -> None:
        """Free the lock that a killed command left, by a person's command or at once."""
        if by_person:
            self.must("lock.release")
            return
        for lock in locks(self.wanted):
            self.host.docker("rm", "--force", lock)

    def violations(self) -> list[str]:
        """What isn't as it should be."""
        try:
            found = [*violations(self.wanted), *data.violations(self.wanted)]
        except AssertionError as error:
            return [str(error)]
        return [each for each in found if not self.accepted or self.accepted not in each]

    def remove(self) -> None:
        """Remove all of it."""
        self.deployer.close()
        if self.load:
            self.load.kill()
        self.app.remove_from(self.host)  # something may be done to the other one
        self.host.engine.reset()
        shutil.rmtree(self.temporary, ignore_errors=True)


def _new_commit(site: Site) -> None:
    site.commit()


def _pushed(site: Site) -> None:
    """A new commit, whose images are in the registry."""
    site.commit()
    for task in ("build", "push"):
        done = site.deployer.start((task,), {"TMPDIR": str(site.temporary)}, asks=False).go()
        assert done.code == 0, f"tagship {task}: {done.code}\n{done.err}"


def _new_color(site: Site) -> None:
    site.color += 1


def _nothing_there(site: Site) -> None:
    site.empty()
    site.furnish()
    _new_commit(site)


def _something_newer(site: Site) -> None:
    """Deploy another commit, because a rollback to what differs only in secrets is refused."""
    site.commit()
    site.must("ship")


def _nothing_kept(site: Site) -> None:
    """Forget what earlier restores kept, which nobody else removes."""
    data.forget(site.wanted)


def _changed(site: Site) -> None:
    _nothing_kept(site)
    data.before_backup(site.wanted, site.marks)


def _backed_up(site: Site) -> None:
    _nothing_kept(site)
    data.before_restore(site.wanted, site.marks, lambda: site.must("backup.create"))


COMMANDS = {
    command.name: command
    for command in (
        Command("deploy", ("ship",), _new_commit),
        Command("configuration-only deploy", ("deploy",), _new_color),
        Command("deploy with a canary", ("deploy", "--canary", "50%", "--for", "2s"), _pushed),
        Command("rollback", ("rollback",), _something_newer),
        Command("migrate", ("migrate",), _new_color),
        Command("first deploy", ("ship",), _nothing_there, first=True),
        Command("backup", ("backup.create",), _changed),
        Command("restore", ("backup.restore", "--part", "all"), _backed_up, serves=False),
    )
}
