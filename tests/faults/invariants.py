"""What has to hold whenever the next deploy has succeeded, whatever happened before."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tagship.engine.client import Engine
from tagship.project import file
from tagship.proof import ledger
from tagship.server import overview
from tagship.server.session import Session
from tests.hello import Hello
from tests.rig import Host

EDGE = "tagship-edge"
_PATIENCE = 6.0
"""Seconds for what ends by itself a moment later: a watcher of ssh, a session of sshd, a guard."""


@dataclass(frozen=True)
class Wanted:
    """An application in an environment, and what should answer there."""

    app: Hello
    environment: str
    temporary: Path
    """The deployer's folder for temporary files, which is in the environment of all that it starts."""
    sha: str
    color: str

    @property
    def host(self) -> Host:
        """The server."""
        return self.app.rig.hosts[int(self.environment[-1]) - 1]

    @property
    def place(self) -> str:
        """The application and the environment."""
        return f"{self.app.name}-{self.environment}"


def violations(wanted: Wanted) -> list[str]:
    """Everything that isn't as it should be; empty if nothing was lost and nothing is left."""
    checks = (_told, _answers, _on_the_server, _left)
    with ThreadPoolExecutor(len(checks)) as threads:
        return [problem for problems in threads.map(lambda check: list(check(wanted)), checks) for problem in problems]


def leaves(said: str) -> bool:
    """Whether a command says that it left something for the next deploy."""
    return any(words in said for words in ("The next deploy will", "; the next deploy will"))


def brought(wanted: Wanted, said: str) -> Iterator[str]:
    """What is wrong after a deploy that ended with 0: it answers, and is recorded unless the deploy said otherwise."""
    yield from (f"it ended with 0, but {problem}" for problem in _answers(wanted))
    lines = wanted.host.docker("exec", EDGE, "cat", f"/tagship/{wanted.place}/ledger.jsonl").splitlines()
    proven = [entry.release for entry in ledger.parse(tuple(lines)) if entry.proves][-1:]
    if not leaves(said) and (not proven or wanted.sha[:8] not in proven[0]):
        yield f"it ended with 0, but the ledger proves {proven}"


def releases(wanted: Wanted) -> list[str]:
    """The releases that run, one name for each container."""
    return wanted.host.docker("ps", "--format", '{{.Label "tagship.release"}}', *_ours(wanted)).split()


def locks(wanted: Wanted) -> list[str]:
    """The ids of the locks."""
    return wanted.host.docker("ps", "-aq", "--filter", f"label=tagship.lock={wanted.place}").split()


def _told(wanted: Wanted) -> Iterator[str]:
    """`status` and `history` agree with what runs, and every line of the ledger is whole.

    What these commands call is called from here, on the engine's own socket: starting them would take seconds.
    """
    config = file.load(wanted.app.folder / file.FILE)
    engine = Engine(wanted.host.socket)
    try:
        engine.connect()
        session = Session(engine, config.environment(wanted.environment))
        status = overview.read(session)
        with session.files() as files:
            lines = files.lines() if files else ()
    finally:
        engine.close()
    running = sorted(set(releases(wanted)))
    live = [entry.release for entry in ledger.parse(lines) if entry.proves]
    if len(running) != 1:
        yield f"{len(running)} releases run: {running}"
    if live[-1:] != running:
        yield f"the ledger ends with {live[-1:]}, and {running} runs"
    if [status.live] != running:
        yield f"status says that {status.live} is live, and {running} runs"
    if status.lock or status.held or status.problem or status.edge != "running" or status.idle:
        yield f"status says {status}"
    yield from (f"the ledger: {broken}" for broken in ledger.breaks(lines))


def _answers(wanted: Wanted) -> Iterator[str]:
    url = wanted.app.settings["environments"][wanted.environment]["url"]
    asked = ["curl", "-sk", "--max-time", "15", "--connect-to", f"::{wanted.host.address}:", url]
    body = wanted.app.rig.laptop.run(asked, check=False).stdout
    if wanted.sha not in body or wanted.color not in body.split():
        yield f"not {wanted.sha[:8]} with {wanted.color} answers, but: {body[:200]}"


def _on_the_server(wanted: Wanted) -> Iterator[str]:
    docker, place = wanted.host.docker, wanted.place
    if locks(wanted):
        yield "a lock is left"
    kinds = '{{.Label "tagship.release"}}\t{{.Label "tagship.accessory"}}\t{{.State}}\t{{.Names}}'
    rows = [row.split("\t") for row in docker("ps", "-a", "--format", kinds, *_ours(wanted)).splitlines()]
    for release, accessory, state, name in rows:
        if not (release or accessory):
            yield f"container of nothing: {name}"
        if state != "running" and (accessory or state != "exited"):
            yield f"container {name} is {state}"
    kept = {release for release, *_ in rows}
    networks = docker("network", "ls", "--format", "{{.Name}}", *_ours(wanted)).split()
    yield from (f"network of nothing: {name}" for name in networks if name not in {*kept, place})
    volumes = docker("volume", "ls", "--format", "{{.Name}}").split()
    yield from (f"volume of nothing: {name}" for name in volumes if not _belongs(wanted, name))
    yield from _files(wanted)


def _belongs(wanted: Wanted, volume: str) -> bool:
    """Whether a volume is the edge's, in the Compose file, or the old files that a restore keeps."""
    name = volume.removeprefix(f"{wanted.place}_").partition("_until_")[0]
    return volume in {"tagship", f"{EDGE}_config", f"{EDGE}_data"} or name in wanted.app.compose["volumes"]


def _files(wanted: Wanted) -> Iterator[str]:
    """No half-written file in the edge's volume that is so old that this deploy had to remove it."""
    folder, old = f"/tagship/{wanted.place}", ("-type", "f", "-mmin", "+2")
    listed = wanted.host.docker("exec", EDGE, "find", folder, *old)
    for path in listed.split():
        if path.endswith((".tmp", ".new", "~")) or "/." in path:
            yield f"file left on the server: {path}"


def _left(wanted: Wanted) -> Iterator[str]:
    """No file or process here or there; what ends a moment later has that moment."""
    end = time.monotonic() + _PATIENCE
    while (found := list(_leftovers(wanted))) and time.monotonic() < end:
        time.sleep(0.3)
    yield from found


def _leftovers(wanted: Wanted) -> Iterator[str]:
    yield from (
        f"left here: {path.name} {sorted(each.name for each in path.rglob(chr(42)))}"
        for path in wanted.temporary.iterdir()
    )
    yield from (f"process left here: {line}" for line in processes(wanted.temporary))
    yield from (f"process left in the edge: {line}" for line in shells(wanted))
    guards = wanted.host.docker("ps", "-aq", "--filter", "label=tagship.guard").split()
    yield from (f"guard left: {each}" for each in guards)
    benches = wanted.host.docker("ps", "--filter", "label=tagship.workbench", "--format", "{{.Names}}").split()
    yield from (f"container of a backup or a restore runs on: {each}" for each in benches)


def shells(wanted: Wanted) -> list[str]:
    """The processes in the edge's container besides the edge; none before a first deploy has made that."""
    if not wanted.host.docker("ps", "--quiet", "--filter", f"name=^{EDGE}$"):
        return []
    rows = wanted.host.docker("top", EDGE, "-eo", "pid,args").splitlines()[1:]
    return [row for row in rows if "caddy" not in row]


def processes(temporary: Path) -> list[str]:
    """The command lines of the programs that outlived their deploy; all of them use its temporary folder."""
    return [_command(path) for path in _of(temporary)]


def ssh_of(temporary: Path) -> list[int]:
    """The ssh processes whose near end is in a folder."""
    return [int(path.name) for path in _of(temporary) if _command(path).split(" ")[0].endswith("ssh")]


def _of(temporary: Path) -> list[Path]:
    mark = f"TMPDIR={temporary}".encode()
    return [path for path in Path("/proc").glob("[0-9]*") if mark in _read(path / "environ").split(b"\0")]


def _command(path: Path) -> str:
    return _read(path / "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _ours(wanted: Wanted) -> tuple[str, ...]:
    return ("--filter", f"label=tagship.app={wanted.app.name}")


def eventually(happens: Callable[[], bool], within: float) -> bool:
    """Wait until something is so. Returns whether it came about."""
    end = time.monotonic() + within
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
