"""A trivial application of one service, in its own git repository, shipped from the rig's laptop."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import reports
from tests.load import PAUSE
from tests.rig import Host, Rig

TAGSHIP = str(Path(sys.executable).with_name("tagship"))

_SERVER = """import http.server, os, signal, threading, time

GREETING = "hello"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(2)
        body = f"{GREETING} {os.environ['RELEASE_SHA']} {os.environ.get('COLOR', '')}\\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("", 8000), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
"""
_DOCKERFILE = """ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}
COPY server.py /server.py
CMD ["python3", "/server.py"]
"""
_HEALTHY = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/')"
COMPOSE: dict[str, Any] = {
    "services": {
        "web": {
            "build": {"context": ".", "args": {"PYTHON_IMAGE": "${PYTHON_IMAGE}"}},
            "environment": {"RELEASE_SHA": "${TAGSHIP_SHA:-dev}", "COLOR": "${COLOR:-}"},
            "healthcheck": {"test": ["CMD", "python3", "-c", _HEALTHY], "interval": "15s", "timeout": "3s"},
        }
    },
}
SMALL_LOAD = [["/", None, True]] * 4 + [["/", None, False]] * 3 + [["/", "x" * 2000, True], ["/", "x" * 2000, False]]
SMALL_LOAD += [["/slow", None, True], ["/slow", None, False]]


class Hello:
    """The application and the laptop it is shipped from. Its Compose file and tagship.yml are JSON, which is YAML."""

    def __init__(self, rig: Rig, folder: Path, name: str) -> None:
        self.rig = rig
        self.folder = folder
        self.name = name
        self.program = TAGSHIP
        self.environment: dict[str, str] = {}
        """Added to that of the laptop for every command."""
        self._loads: list[LoadRun] = []
        self.compose: dict[str, Any] = json.loads(json.dumps(COMPOSE))
        self.settings: dict[str, Any] = {
            "app": name,
            "registry": f"{rig.registry.address}/{name}",
            "registry-insecure": True,
            "variables": ".env.build",
            "routes": {"/*": "web:8000"},
            "smoke": [{"path": "/", "contains": "hello"}],
            "smoke-within": "2s",
            "edge": {"image": rig.image("caddy"), "https": 0},
            "environments": {
                f"host{number}": {"engine": host.ssh_url, "url": f"http://{host.address}"}
                for number, host in enumerate(rig.hosts, 1)
            },
        }
        folder.mkdir()
        (folder / "server.py").write_text(_SERVER)
        (folder / "Dockerfile").write_text(_DOCKERFILE)
        (folder / ".env.build").write_text(f"PYTHON_IMAGE={rig.image('python')}\n")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.com")

    def commit(self, **replacements: str) -> str:
        """Write everything, replace words of the server's source, commit. Returns the SHA."""
        (self.folder / "docker-compose.yml").write_text(json.dumps(self.compose, indent=1))
        (self.folder / "tagship.yml").write_text(json.dumps(self.settings, indent=1))
        server = (self.folder / "server.py").read_text()
        for old, new in replacements.items():
            assert old in server
            server = server.replace(old, new)
        (self.folder / "server.py").write_text(f"{server}# {time.time_ns()}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        return self.git("rev-parse", "HEAD").strip()

    def append(self, path: str, text: str) -> None:
        """Add to the end of a file."""
        with (self.folder / path).open("a") as file:
            file.write(text)

    def git(self, *words: str) -> str:
        """Run git in the repository."""
        return subprocess.run(["git", *words], cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the console command, whether it succeeds or fails."""
        process = self.start(*words, env=env)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the console command."""
        return subprocess.Popen(
            self.rig.laptop.command([self.program, *words]),
            cwd=self.folder,
            env={**self.rig.laptop.environment, **self.environment, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tagship(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """Run the console command and return its output. If it fails, the test fails with that output."""
        done = self.run(*words, env=env)
        assert done.returncode == 0, f"tagship {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        reports.check(words, done.stdout)
        return done.stdout

    def ship(self, environment: str) -> dict[str, Any]:
        """Build, push and deploy the commit. Returns the output of `--json`."""
        shipped: dict[str, Any] = json.loads(self.tagship("ship", "--env", environment, "--json"))
        return shipped

    def history(self, environment: str) -> list[dict[str, Any]]:
        """The ledger."""
        entries: list[dict[str, Any]] = json.loads(self.tagship("history", "--env", environment, "--json"))
        return entries

    def get(self, environment: str, path: str = "/") -> str:
        """The body of the environment's URL. Fails the test if the request fails."""
        status, _, body = self.get_at(f"{self.settings['environments'][environment]['url']}{path}").partition(" ")
        assert status == "200", body
        return body

    def get_at(self, url: str) -> str:
        """Status and body, as seen from the laptop."""
        script = (
            "import sys, urllib.request as u, urllib.error as e\n"
            "try: r = u.urlopen(sys.argv[1], timeout=15)\n"
            "except e.HTTPError as error: r = error\n"
            "print(r.status, r.read().decode())"
        )
        return self.rig.laptop.run([sys.executable, "-c", script, url]).stdout

    def load(self, environment: str, clients: list[list[Any]] | None = None, pause: float = PAUSE) -> "LoadRun":
        """A steady load on the environment's URL, from now until `stop`."""
        return self.load_at(self.settings["environments"][environment]["url"], clients, pause)

    def load_at(
        self, url: str, clients: list[list[Any]] | None = None, pause: float = PAUSE, address: str = ""
    ) -> "LoadRun":
        """The same on any URL. `address`: of its host, if no name server knows that."""
        self._loads.append(LoadRun(self, url, clients or SMALL_LOAD, pause, address))
        return self._loads[-1]

    def remove(self) -> None:
        """Remove what the application left on the hosts, its routes included; their edges stay. Ends its loads, too."""
        for load in self._loads:
            load.kill()
        for host in self.rig.hosts:
            self.remove_from(host)

    def remove_from(self, host: Host) -> None:
        """The same for one host. Its loads go on."""
        for kind, listing, remove in (
            ("container", ("-a",), ("rm", "-fv")),
            ("volume", (), ("rm",)),
            ("network", (), ("rm",)),
        ):
            found = host.docker(kind, "ls", "-q", *listing, "--filter", f"label=tagship.app={self.name}").split()
            if found:
                host.docker(kind, *remove, *found)
        if host.docker("ps", "-q", "--filter", "label=tagship.edge"):
            for environment in self.settings["environments"]:
                place = f"{self.name}-{environment}"
                forget = f"DELETE /id/{place} HTTP/1.1\\r\\nHost: 127.0.0.1:2019\\r\\nConnection: close\\r\\n\\r\\n"
                script = f"printf '{forget}' | nc 127.0.0.1 2019; rm -rf /tagship/{place}"
                host.docker("exec", "tagship-edge", "sh", "-c", script)


class LoadRun:
    """A load in a process of its own on the laptop."""

    def __init__(self, app: Hello, url: str, clients: list[list[Any]], pause: float, address: str) -> None:
        script = str(Path(__file__).with_name("load.py"))
        argv = app.rig.laptop.command(
            [sys.executable, script, url, json.dumps(clients), "--announce", f"--pause={pause}", f"--address={address}"]
        )
        self._process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=app.rig.laptop.environment
        )
        assert self._process.stderr
        assert self._process.stderr.readline() == "started\n"
        time.sleep(0.3)  # every client has sent its first request

    def kill(self) -> None:
        """End it, unless it has ended: a test that failed would leave it in the rig's network."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def look(self) -> dict[str, Any]:
        """What it has seen until now; it goes on."""
        assert self._process.stdout
        self._process.send_signal(signal.SIGUSR1)
        seen: dict[str, Any] = json.loads(self._process.stdout.readline())
        return seen

    def stop(self) -> dict[str, Any]:
        """`{requests, failures, releases}`."""
        self._process.send_signal(signal.SIGTERM)
        said, _ = self._process.communicate(timeout=60)
        seen: dict[str, Any] = json.loads(said)
        return seen
