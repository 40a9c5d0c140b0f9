"""Checks this machine: the programs that Tagship runs, the engine that builds, disk and clock."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tagship.engine import local
from tagship.errors import TagshipError, ToolError
from tagship.setup.report import Check, bad, each, good, unknown
from tagship.system import compose_program, openssh, programs

OLDEST_COMPOSE = (2, 24)
"""The first Compose with `!reset` and `!override`, which overlays need."""
LEAST_DISK = 2 * 1024**3
"""Bytes. A build needs room for base images, layers and its cache; 2 GiB holds two slim images of Python or Node.js."""
_VERSION = re.compile(r"(\d+)\.(\d+)[\w.+-]*")


def checks(folder: Path, *, remote: bool) -> Iterator[Check]:
    """Every check of this machine. `remote`: whether an environment is reached by SSH."""
    yield from each("git", lambda: [_version("git", ["git", "--version"])])
    if remote:
        yield from each("ssh", lambda: [_version("ssh", [openssh.program(), "-V"])])
    yield from each("compose", lambda: [_compose(compose_program.command)])
    yield from each("buildx", lambda: [_version("buildx", [*programs.docker_plugin("buildx"), "version"])])
    yield from each("engine", lambda: [_engine()])
    yield _disk(folder)
    yield _clock()


def _version(name: str, argv: list[str]) -> Check:
    done = programs.run(argv)
    found = _VERSION.search(f"{done.out}{done.err}")
    return good(name, found[0] if found else "installed")


def _compose(command: Callable[[], list[str]]) -> Check:
    found = _VERSION.search(programs.run([*command(), "version", "--short"]).out)
    if found and (int(found[1]), int(found[2])) < OLDEST_COMPOSE:
        return bad("compose", f"{found[0]} doesn't know `!reset`.", "install Compose 2.24 or later", ToolError)
    return good("compose", found[0] if found else "installed")


def _engine() -> Check:
    with local.local_engine() as engine:
        version = engine.get("/version")
    return good("engine", f"Docker {version['Version']}, {version['Os']}/{version['Arch']}")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GiB free in {folder}"
    if free < LEAST_DISK:
        return bad("disk", f"{text}; a build needs {LEAST_DISK // 1024**3}.", "free some space", ToolError)
    return good("disk", text)


def _clock() -> Check:
    """Whether this machine's clock follows a time server, as far as systemd knows."""
    try:
        said = programs.run(["timedatectl", "show", "--property", "NTPSynchronized", "--value"]).out.strip()
    except TagshipError:
        return unknown("clock", "Nothing here says whether the clock is right; --env compares it with the server's.")
    if said == "yes":
        return good("clock", "follows a time server")
    return unknown("clock", "follows no time server, says systemd.", "run `timedatectl set-ntp true`")
