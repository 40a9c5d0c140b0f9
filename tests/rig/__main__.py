"""python -m tests.rig up | down | status | check: a rig that stays, to develop against."""

import argparse
import functools
import signal
import sys
import time
from collections.abc import Callable

from tests.rig import HOSTS, Rig, RigError, cleanup, engine, lock
from tests.rig.images import NAMES


def main() -> int:
    """Do what the command line says; 1 when it failed or, for check, when something is left."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    commands: dict[str, Callable[[Rig], int]] = {
        "up": functools.partial(up, sentry=options.sentry),
        "down": down,
        "check": check,
        "status": status,
    }
    try:
        rig = Rig(hosts=options.hosts, laptop=options.laptop, images=options.images)
        return commands[options.command](rig)
    except RigError as error:
        print(error, file=sys.stderr)
        return 1


def arguments() -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "check"))
    parser.add_argument("--hosts", nargs="+", default=list(HOSTS), metavar="VERSION")
    parser.add_argument("--laptop", choices=engine.VERSIONS, default=engine.NEW)
    parser.add_argument("--images", nargs="*", choices=NAMES, default=["python"])
    parser.add_argument("--sentry", action="store_true", help="with a Sentry server")
    return parser.parse_args()


def up(rig: Rig, *, sentry: bool) -> int:
    """Start a rig and leave it running."""
    start = time.monotonic()
    rig.up(sentry=sentry)
    print(f"up after {time.monotonic() - start:.1f} s")
    return status(rig)


def status(rig: Rig) -> int:
    """Say how to reach each part."""
    if not rig.running():
        print("no rig runs")
        return 1
    laptop = rig.laptop
    keys = ("HOME", "PATH", "DOCKER_HOST", "DOCKER_CONFIG")
    words = [f"{key}={laptop.environment[key]}" for key in keys]
    print(f"laptop   {laptop.address}  engine {laptop.version}")
    print(f"         {' '.join(laptop.command(['env', *words, 'bash', '--norc']))}")
    for host in rig.hosts:
        print(f"{host.name}    {host.ssh_url}  engine {host.version}  unix://{host.socket}")
    private = rig.private_registry
    print(f"registry {rig.registry.address}")
    print(f"registry {private.address}  user {private.username}  password {private.password}")
    if rig.sentry_runs():
        print(f"sentry   {rig.sentry.url}  organization {rig.sentry.organization}  token {rig.sentry.token}")
    print("images   " + " ".join(f"{rig.registry.address}/base/{name}" for name in NAMES))
    return 0


def down(rig: Rig) -> int:
    """Stop whatever runs or was left."""
    with lock.held():
        cleanup.down(rig.folder)
    return check(rig)


def check(rig: Rig) -> int:
    """List what is left on this machine."""
    left = cleanup.leftovers(rig.folder)
    print("\n".join(left) or "nothing left")
    return 1 if left else 0


sys.exit(main())
