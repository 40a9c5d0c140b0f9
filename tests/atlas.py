"""The example application on the rig, with its two projects in the rig's Sentry, shipped as people do."""

import http.client
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.demo.application import Application, build_variables, runtime_variables
from tests.rig import Host, Rig, Sentry

TAGSHIP = str(Path(sys.executable).with_name("tagship"))
_TAGSHIP_YML = """\
environments:
  staging:
    engine: {engine}
    url: http://{address}
    variables: [.env.build, .env.staging]
    edge: {{image: {edge}, https: 0}}
    smoke-within: 6s
sentry:
  projects: [{backend}, {frontend}]
  source-maps: {{service: frontend, project: {frontend}, served: /srv, maps: /sourcemaps}}
  required: false
  within: 60s
"""
_REPORTING = """SENTRY_DSN={backend}
SENTRY_FRONTEND_DSN={frontend}
SENTRY_TRACES_SAMPLE_RATE=1
"""


class Atlas:
    """In a repository of its own, to be deployed to one host."""

    def __init__(self, rig: Rig, sentry: Sentry, host: Host, folder: Path) -> None:
        self._rig = rig
        self._address = host.address
        self.url = f"http://{host.address}"
        self.sha = ""
        self.app = Application(folder)
        # of this run alone: what is a new issue depends on all that a project has seen
        run = secrets.token_hex(3)
        self.projects = {part: f"atlas-{part}-{run}" for part in ("backend", "frontend")}
        reporting = _REPORTING.format(**{part: sentry.dsn(project) for part, project in self.projects.items()})
        self.app.configure(
            _TAGSHIP_YML.format(engine=host.ssh_url, address=host.address, edge=rig.image("caddy"), **self.projects),
            {"staging": runtime_variables(rig, host.address) + reporting},
            build_variables(rig),
        )
        self.app.use_registry(f"{rig.registry.address}/atlas")
        self.app.git("remote", "add", "origin", "https://github.com/acme/atlas")
        self._environment = {
            **os.environ,
            **rig.laptop.environment,
            **{name: secrets.token_urlsafe(24) for name in ("SECRET_KEY", "POSTGRES_PASSWORD")},
            "SENTRY_URL": sentry.url,
            "SENTRY_ORG": sentry.organization,
            "SENTRY_AUTH_TOKEN": sentry.token,
        }

    @property
    def version(self) -> str:
        """The last commit's release, as Sentry knows it."""
        return f"atlas-investor@{self.sha}"

    def commit(self, message: str) -> str:
        """Commit everything. Returns the SHA."""
        self.sha = self.app.commit(message)
        return self.sha

    def bake(self, how_long: str, *, on_unhealthy: str = "report", required: bool = False) -> None:
        """Have the next releases bake, and Sentry required or not."""
        config = self.app.folder / "tagship.yml"
        lines = [line for line in config.read_text().splitlines() if not line.startswith(("  bake:", "  required:"))]
        lines.insert(lines.index("release:") + 1, f"  bake: {{for: {how_long}, on-unhealthy: {on_unhealthy}}}")
        lines.insert(lines.index("sentry:") + 1, f"  required: {json.dumps(required)}")
        config.write_text("\n".join(lines) + "\n")

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start the console command on the laptop."""
        return subprocess.Popen(
            self._rig.laptop.command([TAGSHIP, *words]), cwd=self.app.folder, env={**self._environment, **env},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whatever that is."""
        process = self.start(*words, **env)
        out, err = process.communicate(timeout=900)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def tagship(self, *words: str, **env: str) -> str:
        """Run it; what it printed. Fails the test with all it said when it fails."""
        done = self.run(*words, **env)
        assert done.returncode == 0, f"tagship {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ship(self, **env: str) -> dict[str, Any]:
        """Build, push and deploy the commit. Returns the output of `--json`."""
        shipped: dict[str, Any] = json.loads(self.tagship("ship", "--env", "staging", "--json", **env))
        return shipped

    def history(self) -> list[Mapping[str, Any]]:
        """The ledger."""
        entries: list[Mapping[str, Any]] = json.loads(self.tagship("history", "--env", "staging", "--json"))
        return entries

    def status(self, path: str) -> int:
        """What the site answers a path with."""
        return self._ask(path)[0]

    def get(self, path: str) -> str:
        """The body of a path that is there."""
        status, body = self._ask(path)
        assert status == http.client.OK, f"{path}: {status} {body}"
        return body

    def _ask(self, path: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection(self._address, timeout=20)) as line:
            line.request("GET", path)
            reply = line.getresponse()
            return reply.status, reply.read().decode()
