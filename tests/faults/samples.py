"""What a soak measures, on the server and on the deployer's machine."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults import invariants
from tests.faults.growth import Quantity
from tests.faults.invariants import Wanted
from tests.rig.machine import Machine

MIB = 1024 * 1024
_Measured = tuple[str, str, float, str, float]
"""Name, unit, slack, why it may grow, and the value: see `Quantity`."""
_ESTABLISHED, _SSH = "01", 22


class Samples:
    """The quantities of one application on one server, and of the laptop."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self._began = wanted, time.monotonic()
        self._known: dict[str, Quantity] = {}

    @property
    def quantities(self) -> list[Quantity]:
        """All of them, in a fixed order."""
        return list(self._known.values())

    def take(self, wanted: Wanted, peak: float) -> None:
        """Measure everything once. `peak`: the most memory that the last command had, in MiB."""
        self._wanted, at = wanted, time.monotonic() - self._began
        for name, unit, slack, by_design, value in (*self._server(), *self._database(), *self._here(peak)):
            quantity = self._known.setdefault(name, Quantity(name, unit, slack, by_design))
            quantity.samples.append((at, value))

    def _server(self) -> Iterator[_Measured]:
        host = self._wanted.host
        where = f"server {host.version.split('.')[0]}"
        edge = int(host.docker("inspect", "--format", "{{.State.Pid}}", "tagship-edge"))
        engine = int(host.run(["pidof", "-s", "dockerd"]).split()[0])
        for name, pid, slack in (("edge", edge, 10), ("engine", engine, 25)):
            yield f"{where}: memory of the {name}", "MiB", slack, "", _memory(host.machine, pid)
            yield f"{where}: open files of the {name}", "", 12, "", _files(host.machine, pid)
        yield f"{where}: processes", "", 6, "", len(host.run(["ps", "-e", "-o", "pid="]).split())
        yield f"{where}: SSH connections", "", 0, "", _connections(host.machine, _SSH)
        for kind, listing in (("containers", ("ps", "-aq")), ("networks", ("network", "ls", "-q"))):
            yield f"{where}: {kind}", "", 1, "", len(host.docker(*listing).split())
        yield f"{where}: volumes", "", 0, "", len(host.docker("volume", "ls", "-q").split())
        used = json.loads(host.engine.call("GET", "/system/df"))
        yield f"{where}: images", "", 2, "", len(used["Images"] or ())
        layers = used["LayersSize"] + sum(each.get("SizeRw", 0) for each in used["Containers"] or ())
        yield f"{where}: disk for images and containers", "MiB", 20, "", layers / MIB
        place = f"/tagship/{self._wanted.place}"
        kept = host.docker("exec", "tagship-edge", "du", "-sk", place).split()[0]
        yield f"{where}: the environment's files", "KiB", 0, "a line and a record for each deploy", float(kept)

    def _database(self) -> Iterator[_Measured]:
        where = f"server {self._wanted.host.version.split('.')[0]}"
        count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        container = f"{self._wanted.place}-accessories-db-1"
        psql = ("psql", "-U", "shop", "-h", "127.0.0.1", "-Atc", count, "shop")
        yield (
            f"{where}: connections to the database",
            "",
            6,
            "",
            float(self._wanted.host.docker("exec", container, *psql)),
        )

    def _here(self, peak: float) -> Iterator[_Measured]:
        app, temporary = self._wanted.app, self._wanted.temporary
        if peak:
            yield "deployer: most memory of a command", "MiB", 15, "", peak
        yield "deployer: files left", "", 0, "", len(list(temporary.iterdir()))
        yield "deployer: processes left", "", 0, "", len(invariants.processes(temporary))
        laptop = app.rig.laptop
        listed = laptop.run(["docker", "network", "ls", "-q"]).stdout.split()
        yield "deployer: networks", "", 0, "", len(listed)
        yield "deployer: containers", "", 0, "", len(laptop.run(["docker", "ps", "-aq"]).stdout.split())
        server = _connections(laptop.machine, _SSH, far=True)
        yield "deployer: SSH connections", "", 0, "", server


def _memory(machine: Machine, pid: int) -> float:
    """Resident memory in MiB."""
    status = machine.run(["cat", f"/proc/{pid}/status"])
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def _files(machine: Machine, pid: int) -> int:
    return len(machine.run(["ls", f"/proc/{pid}/fd"]).split())


def _connections(machine: Machine, port: int, *, far: bool = False) -> int:
    """Established TCP connections to a port here, or of another machine."""
    rows = [line.split() for line in machine.run(["cat", "/proc/net/tcp"]).splitlines()[1:]]
    return sum(row[3] == _ESTABLISHED and int(row[2 if far else 1].split(":")[1], 16) == port for row in rows)


def peak_memory(pid: int) -> float:
    """The most memory that a process of this machine has had so far, in MiB; 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
