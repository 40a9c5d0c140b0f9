"""PostgreSQL and Redis, as processes of one machine of the rig and for itself alone; what they hold ends with it."""

from pathlib import Path

from tests.rig import shell
from tests.rig.machine import Machine
from tests.rig.packages import Packages

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
DATA = "/var/lib/postgresql/rig"
AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
# Nothing of it outlives the machine.
FORGETFUL = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")


def layer(packages: Packages) -> Path:
    """Give what lies over the tree of a machine that runs both."""
    return packages.layer("stores", "postgresql-15", "redis-server")


def start(machine: Machine, database: str) -> None:
    """Start both, with an empty database of that name. Who is on the machine needs no password."""
    machine.spawn("redis", ["redis-server", "--bind", "127.0.0.1", "--save", ""])
    machine.run([*AS_POSTGRES, PROGRAMS / "initdb", "--auth=trust", "--no-sync", "--pgdata", DATA])
    listen = ("-c", "listen_addresses=127.0.0.1")
    machine.spawn("postgres", [*AS_POSTGRES, PROGRAMS / "postgres", "-D", DATA, *listen, *FORGETFUL])
    ready = machine.command([PROGRAMS / "pg_isready", "--quiet", "--host=127.0.0.1"])
    shell.wait_for(lambda: shell.succeeds(ready), "PostgreSQL's start", seconds=30)
    machine.run([*AS_POSTGRES, PROGRAMS / "createdb", "--host=127.0.0.1", database])
