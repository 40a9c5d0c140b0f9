"""Caddy before a server's Docker socket, on another one: it lets all calls through, or only those that are listed."""

import contextlib
import http
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.rig import Rig
from tests.rig.host import Host

NAME = "calls"
"""Of its socket and log in the server's /rig."""


class Calls:
    """What was asked through the proxy."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def made(self) -> list[tuple[str, str]]:
        """Method and path of each."""
        return [(method, path) for method, path, _ in self._lines()]

    def refused(self) -> list[tuple[str, str]]:
        """Those that it didn't let through."""
        return [(method, path) for method, path, status in self._lines() if status == http.HTTPStatus.FORBIDDEN]

    def _lines(self) -> Iterator[tuple[str, str, int]]:
        for line in self._log.read_text().splitlines():
            entry = json.loads(line)
            if "status" in entry:
                yield entry["request"]["method"], entry["request"]["uri"].partition("?")[0], entry["status"]


@contextlib.contextmanager
def proxy(rig: Rig, host: Host, allowed: Mapping[str, Sequence[str]] | None) -> Iterator[Calls]:
    """Run it as long as the context lasts. `allowed`: method → patterns of paths; None for everything."""
    folder = host.machine.run_folder
    log, socket, program = folder / f"{NAME}.log", folder / f"{NAME}.sock", folder / "caddy"
    log.unlink(missing_ok=True)
    shutil.copy(rig.folder.tools / "caddy/usr/bin/caddy", program)  # of the image `caddy`
    (folder / f"{NAME}.json").write_text(json.dumps(_configuration(allowed)))
    running = subprocess.Popen(
        host.machine.command(["/rig/caddy", "run", "--config", f"/rig/{NAME}.json"]),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not socket.exists():
            assert running.poll() is None, "Caddy has ended"
            time.sleep(0.05)
        yield Calls(log)
    finally:
        running.terminate()
        running.wait()
        for path in (socket, program):
            path.unlink(missing_ok=True)


def _configuration(allowed: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    pass_on = {"handler": "reverse_proxy", "upstreams": [{"dial": "unix//var/run/docker.sock"}], "flush_interval": -1}
    refuse = {"handler": "static_response", "status_code": 403, "body": '{"message": "not allowed"}'}
    listed = [
        {"method": [method], "path_regexp": {"pattern": rf"^(/v[\d.]+)?({'|'.join(patterns)})$"}}
        for method, patterns in (allowed or {}).items()
    ]
    first = {"handle": [pass_on]} if allowed is None else {"handle": [pass_on], "match": listed}
    server = {
        "listen": [f"unix//rig/{NAME}.sock|0666"],
        "routes": [first, {"handle": [refuse]}],
        "automatic_https": {"disable": True},
        "logs": {},
    }
    return {
        "admin": {"disabled": True},
        "logging": {"logs": {"default": {"writer": {"output": "file", "filename": f"/rig/{NAME}.log"}}}},
        "apps": {"http": {"servers": {NAME: server}}},
    }
