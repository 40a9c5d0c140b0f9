"""The usual workflow without Tagship: images tagged `latest`; `docker compose pull`, `up` and a migration over SSH."""

import json
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.bench import schema
from tests.bench.ours import IDLE
from tests.bench.run import Run
from tests.hello import Hello
from tests.rig import Host, Rig

PORT = 8082
_FOLDER = "/home/deploy/bench-old"
_PLUGINS = "/usr/local/lib/docker/cli-plugins"
_DEPLOY = (
    f"docker compose pull --quiet && docker compose up --detach && docker compose exec -T web {schema.COMMAND} apply"
)


class OldWorkflow:
    """The trivial application, shipped like that. Its server needs Docker's Compose plugin, which this brings."""

    name = "old workflow"

    def __init__(self, rig: Rig, host: Host, folder: Path) -> None:
        self.app = Hello(rig, folder, "bench-old")
        schema.prepare(self.app)
        self.url = f"http://{host.address}:{PORT}"
        self._rig = rig
        self._host = host
        self._image = f"{self.app.settings['registry']}/web:latest"

    def prepare(self) -> None:
        """Compose on the server, its file, and a first version."""
        plugin = (self._rig.laptop.home / ".docker/cli-plugins/docker-compose").resolve()
        shutil.copy(plugin, self._host.machine.run_folder / plugin.name)
        self._host.run(["mkdir", "-p", _PLUGINS, _FOLDER])
        self._host.run(["ln", "-sf", f"/rig/{plugin.name}", f"{_PLUGINS}/{plugin.name}"])
        web: dict[str, Any] = {**self.app.compose["services"]["web"], "image": self._image, "ports": [f"{PORT}:8000"]}
        del web["build"]
        compose = json.dumps({"name": "bench-old", "services": {"web": web}, "volumes": {"state": {}}})
        self._host.run(["tee", f"{_FOLDER}/docker-compose.yml"], stdin=compose)
        self.ship()

    def ship(self) -> Run:
        """Build, push, and what the workflow types on the server."""
        self.app.commit()
        arguments = ["--build-arg", f"PYTHON_IMAGE={self._rig.image('python')}", "--provenance=false"]
        server = self._host.ssh_url.removeprefix("ssh://")
        began = time.monotonic()
        for argv in (
            ["docker", "buildx", "build", "--quiet", "--tag", self._image, *arguments, "."],
            ["docker", "push", "--quiet", self._image],
            ["ssh", server, f"cd {shlex.quote(_FOLDER)} && {_DEPLOY}"],
        ):
            self._do(argv)
        took = time.monotonic() - began
        time.sleep(IDLE)
        return Run(took)

    def _do(self, argv: list[str]) -> None:
        laptop = self._rig.laptop
        done = subprocess.run(
            laptop.command(argv), cwd=self.app.folder, env=laptop.environment,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
