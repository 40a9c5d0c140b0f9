"""A Sentry server for the rig: its own code in one process, with what stands in for Relay, Kafka and Snuba."""

import contextlib
import hashlib
import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.rig import shell
from tests.rig.errors import RigError
from tests.rig.folder import MARK, Folder
from tests.rig.machine import PATH, Machine
from tests.rig.network import Network, address
from tests.rig.packages import Packages
from tests.rig.sentry import environment, stores

__all__ = ["Received", "Sentry"]

ADDRESS, PORT = address(3), 9000
ORGANIZATION = "acme"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Received:
    """One item of an envelope, as an SDK sent it; a payload that isn't JSON is text."""

    project: str
    type: str
    header: dict[str, Any]
    payload: Any
    envelope: dict[str, Any]


class Sentry:
    """A server with one organization, of which `token` may read and change all that a deploy needs."""

    def __init__(self, folder: Folder, network: Network, packages: Packages) -> None:
        self._folder = folder
        self._network = network
        self._packages = packages
        self.machine = Machine(folder, "sentry")
        self.url = f"http://{ADDRESS}:{PORT}"
        self.organization = ORGANIZATION
        # The same for every process that uses a running rig.
        self.token = hashlib.sha256(f"Sentry of {folder.path}".encode()).hexdigest()

    def start(self) -> None:
        """Start it unless it runs; after a stop() it holds what it held. Raises MissingError where it can't be had."""
        if not self.machine.alive():
            self._boot()
        if not self.answers():
            self._serve()

    def stop(self) -> None:
        """Stop answering, as in an outage."""
        self.machine.run(["pkill", "-f", "python -m server$"])
        shell.wait_for(lambda: not self.answers(), "the stop of Sentry", seconds=10)

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            return self.machine.alive() and self._reply("GET", "/_health/")[0] == http.client.OK
        except OSError:
            return False

    def project(self, slug: str) -> str:
        """Give a project's id; make the project if it isn't there."""
        known = {project["slug"]: project for project in self.get(f"organizations/{ORGANIZATION}/projects/")}
        made = known.get(slug) or self._call(
            "POST", f"teams/{ORGANIZATION}/{ORGANIZATION}/projects/", {"name": slug, "slug": slug}
        )
        return str(made["id"])

    def dsn(self, project: str) -> str:
        """Where a project's SDK sends to; make the project if it isn't there."""
        self.project(project)
        return str(self.get(f"projects/{ORGANIZATION}/{project}/keys/")[0]["dsn"]["public"])

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Ask the API, path being what comes after /api/0/. Raises RigError for a refusal."""
        return self._call("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)

    def events(self, project: str) -> list[dict[str, Any]]:
        """The last hundred errors of a project as Sentry keeps them, symbolicated and all; the newest comes last."""
        place = f"projects/{ORGANIZATION}/{project}/events/"
        return [self.get(f"{place}{event['eventID']}/json/") for event in reversed(self.get(place))]

    def received(self, project: str, kind: str = "") -> list[Received]:
        """All that a project's SDKs sent, or what is of one kind: event, transaction, sessions, check_in, log, …."""
        try:
            lines = (self.machine.run_folder / "journal.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        entries = [json.loads(line) for line in lines]
        items = [Received(type=entry["header"]["type"], **entry) for entry in entries]
        return [item for item in items if item.project == project and kind in ("", item.type)]

    def _boot(self) -> None:
        shell.together(lambda: environment.installed(self._folder), lambda: stores.layer(self._packages))
        self.machine.layers = (stores.layer(self._packages),)
        self.machine.prepare()
        self.machine.boot()
        self._network.attach(self.machine, ADDRESS)
        stores.start(self.machine, "sentry")

    def _serve(self) -> None:
        """Run it on this machine's own files, where its Python is, but in the namespaces of its machine."""
        python = environment.installed(self._folder)
        argv = ["nsenter", f"--target={self.machine.pid}", "--net", "--pid", "--",
                "env", f"--chdir={HERE}", str(python), "-m", "server"]  # fmt: skip
        log = self.machine.run_folder / "server.log"
        process = Path("/proc", str(shell.leave(argv, env=self._variables, log=log)))
        shell.wait_for(lambda: self.answers() or not process.exists(), "Sentry's start", seconds=60)
        if not self.answers():
            message = f"Sentry didn't start:\n{log.read_text()[-3000:]}"
            raise RigError(message)

    @property
    def _variables(self) -> dict[str, str]:
        return {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "SENTRY_CONF": str(HERE / "server/settings.py"),
            "RIG_ADDRESS": ADDRESS,
            "RIG_PORT": str(PORT),
            "RIG_URL": self.url,
            "RIG_FOLDER": str(self.machine.run_folder),
            "RIG_ORGANIZATION": ORGANIZATION,
            "RIG_TOKEN": self.token,
            MARK: str(self._folder.path),
        }

    def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        status, text = self._reply(method, f"/api/0/{path}", body)
        if status >= http.client.BAD_REQUEST:
            message = f"Sentry: {method} {path}: {status} {text[:500]}"
            raise RigError(message)
        return json.loads(text)

    def _reply(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        with contextlib.closing(http.client.HTTPConnection(ADDRESS, PORT, timeout=30)) as line:
            line.request(method, path, body=data, headers=headers)
            reply = line.getresponse()
            return reply.status, reply.read().decode()
