"""The example application, Django and PostGIS, shipped by one version of Tagship."""

import os
import secrets
import subprocess
import time
from pathlib import Path

from tests.bench.ours import UNKNOWN
from tests.bench.run import Run
from tests.demo.application import Application, build_variables, runtime_variables
from tests.rig import Host, Rig

_ENVIRONMENT = """\
environments:
  bench:
    engine: {engine}
    url: http://{address}
    variables: [.env.build, .env.bench]
    edge: {{image: {edge}, https: 0}}
    smoke-within: 6s
"""
_VIEWS = "backend/properties/views.py"


class Example:
    """In a repository of its own, to be deployed to one host."""

    def __init__(self, rig: Rig, host: Host, folder: Path, programs: Path) -> None:
        self.app = Application(folder)
        self._rig = rig
        self._program = str(programs / "tagship")
        self._environment = {
            **rig.laptop.environment,
            **{name: secrets.token_urlsafe(24) for name in ("SECRET_KEY", "POSTGRES_PASSWORD")},
        }
        environment = _ENVIRONMENT.format(engine=host.ssh_url, address=host.address, edge=rig.image("caddy"))
        self.app.configure(environment, {"bench": runtime_variables(rig, host.address)}, build_variables(rig))
        self.app.use_registry(f"{rig.registry.address}/bench-example")

    def prepare(self) -> None:
        """Its accessories, and a first release; a version that doesn't know a key of tagship.yml does without."""
        while True:
            self.app.commit("first")
            try:
                self._timed("accessories.up")
            except AssertionError as error:
                unknown = UNKNOWN.search(str(error))
                if not unknown:
                    raise
                self._forget(unknown[1])
            else:
                break
        self.ship()

    def ship(self) -> Run:
        """A commit that changes the backend: build, push, deploy."""
        with (self.app.folder / _VIEWS).open("a") as file:
            file.write(f"# {time.time_ns()}\n")
        self.app.commit("change")
        return self._timed("ship")

    def _forget(self, key: str) -> None:
        file = self.app.folder / "tagship.yml"
        kept = [line for line in file.read_text().splitlines(keepends=True) if not line.startswith(f"{key}:")]
        file.write_text("".join(kept))

    def _timed(self, command: str) -> Run:
        argv = self._rig.laptop.command([self._program, command, "--env", "bench"])
        began = time.monotonic()
        done = subprocess.run(
            argv, cwd=self.app.folder, env={**os.environ, **self._environment},
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        took = time.monotonic() - began
        assert done.returncode == 0, f"tagship {command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return Run(took)
