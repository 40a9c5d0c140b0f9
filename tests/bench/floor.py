"""The floor of a deploy on the rig: its script, the application it deploys, and an edge of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.run import Run
from tests.hello import Hello
from tests.rig import Host, Rig

SCRIPT = Path(__file__).with_name("floor_script.py")
NETWORK = EDGE = "bench-floor-edge"
PORT = 8081
_CONFIG = json.dumps({
    "admin": {"disabled": True},
    "apps": {"http": {"servers": {"http": {
        "listen": [":80"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [{
            "handler": "reverse_proxy",
            "upstreams": [{"dial": "{file./live/name}:8000"}],
            # a connection that is kept would hold up the application's stop
            "transport": {"protocol": "http", "keep_alive": {"enabled": False}},
        }]}],
    }}}},
})  # fmt: skip


class Floor:
    """Deploys as the script does. `ssh`: options that reach the server, `server`: as which host."""

    name = "floor"

    def __init__(self, rig: Rig, host: Host, folder: Path, *, server: str = "", ssh: tuple[str, ...] = ()) -> None:
        self._rig = rig
        self._host = host
        self._app = Hello(rig, folder, "bench-floor")
        self._server = server or host.ssh_url.removeprefix("ssh://")
        self._ssh = ssh
        self._live = self._former = self._image = ""

    def prepare(self) -> None:
        """Its edge, and a first release."""
        self._host.docker("network", "create", NETWORK)
        script = 'mkdir -p /live; echo nobody > /live/name; echo "$1" > /edge.json; exec caddy run --config /edge.json'
        edge = ["--detach", "--name", EDGE, "--network", NETWORK, "--publish", f"{PORT}:80", self._rig.image("caddy")]
        self._host.docker("run", *edge, "sh", "-c", script, "sh", _CONFIG)
        self.ship()

    def ship(self) -> Run:
        """A new commit, built, pushed, pulled, run, waited for, switched to, the old one stopped."""
        sha = self._app.commit()
        self._image = f"{self._app.settings['registry']}/web:{sha}"
        return self._bring("deploy", f"bench-floor-{sha[:8]}")

    def back(self) -> Run:
        """Roll back to the stopped release."""
        return self._bring("rollback", self._former)

    def look(self) -> Run:
        """Connect, and list the server's containers."""
        return self._run("look", {})

    def again(self) -> Run:
        """Do nothing, because the release is already live."""
        return self.look()

    def _bring(self, what: str, new: str) -> Run:
        words = {
            "image": self._image, "folder": str(self._app.folder), "new": new, "old": self._live,
            "arguments": {"PYTHON_IMAGE": self._rig.image("python")},
            "buildx": str(self._rig.laptop.home / ".docker/cli-plugins/docker-buildx"),
        }  # fmt: skip
        run = self._run(what, words)
        self._live, self._former = new, self._live
        answer = self._app.get_at(f"http://{self._host.address}:{PORT}/")
        assert new in answer, f"{new} isn't live: {answer}"
        return run

    def _run(self, what: str, words: dict[str, Any]) -> Run:
        words |= {"ssh": ["ssh", *self._ssh], "server": self._server, "network": NETWORK, "edge": EDGE}
        argv = self._rig.laptop.command([sys.executable, "-I", "-S", str(SCRIPT), what])
        began = time.monotonic()
        done = subprocess.run(
            argv, input=json.dumps(words), capture_output=True, text=True, check=False,
            env={**self._rig.laptop.environment, "BUILDX_GIT_INFO": "0"}, timeout=300,
        )  # fmt: skip
        took = time.monotonic() - began
        assert done.returncode == 0, f"floor {what}: {done.stderr}"
        parts = json.loads(done.stdout)
        return Run(took, boot=parts.get("switched", 0.0))
