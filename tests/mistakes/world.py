"""A project, a server, a registry and GitHub in which everything is well, until a case changes something."""

import contextlib
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection

from tagship import cli, namespace, secret
from tagship.edge import caddy, routes, sites, state
from tagship.github import api
from tagship.names import LABEL
from tagship.proof import ledger
from tagship.reporting import redaction
from tagship.server import ssh
from tagship.system import web
from tests.fakes.builders import PLACE, entry, rendered
from tests.fakes.repositories import Repository
from tests.fakes.servers import Answer, Request, Server, on_port, on_socket
from tests.fakes.shells import program, shell
from tests.mistakes.cases import Case

WHEN = "2026-01-01T00:00:00+00:00"
COMMIT = "c0ffee12" * 5
"""Shown for the SHA, which follows from a free port."""
_STEP = re.compile(r"[✓✗·! ] +[\d.]+ s  ")
DIGEST = {"Docker-Content-Digest": f"sha256:{'1' * 64}"}
LIVE = rendered("a")
SETTINGS = """\
app: shop
registry: REGISTRY/acme
routes:
  /*: web:8000
environments:
  staging:
    engine: local
    url: http://shop.example.com
    branch: main
    variables: staging.env
  production:
    engine: ssh://deploy@shop.example.org
    url: http://shop.example.org
    approval: required
    variables: staging.env
"""
COMPOSE = """\
name: shop
services:
  web:
    build:
      context: .
    environment:
      COLOR: ${COLOR}
    healthcheck:
      test: [CMD, "true"]
"""
FILES = {
    "tagship.yml": SETTINGS,
    "docker-compose.yml": COMPOSE,
    "Dockerfile": "FROM scratch\n",
    "staging.env": "COLOR=blue\n",
    "docs/readme.md": "",
}
_PLUGIN = """\
says={folder}/says
case "$*" in *'-f - '*) input=$(cat);; *) input=$(cat docker-compose.yml);; esac
case "$(cat $says)" in
    '') ;;
    'failed to read '*) case $input in *env_file*) cat $says >&2; exit 1;; esac;;
    *) cat $says >&2; exit 1;;
esac
printf '%s\\n' "$input"
"""
_VARIABLES = {"GIT_COMMITTER_DATE": WHEN, "GIT_AUTHOR_DATE": WHEN, "COLUMNS": "120", "LC_ALL": "C"}


@dataclass(frozen=True)
class Ran:
    """How a case ended."""

    code: object
    said: str
    """What it printed as an error, with the names of the page for what differs from run to run."""
    printed: str
    changed: tuple[str, ...]
    """What is different afterwards: files, and calls that change something."""


class World:
    """Runs cases, one after another, in this process."""

    def __init__(self, folder: Path, engine: Server, registry: Server, github: Server) -> None:
        self._folder, self._engine, self._registry, self._github = folder, engine, registry, github
        self._sha = "SHA"
        """HEAD of the case's project."""
        self._template = folder / "template"
        self._template.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            _isolate(patch)
            repository = Repository(self._template)
            for name, text in FILES.items():
                repository.write(name, self._named(text))
            repository.commit()
        shutil.rmtree(self._template / ".git" / "hooks")
        plugin = folder / "docker" / "cli-plugins"
        plugin.mkdir(parents=True)
        program(plugin, "docker-compose", _PLUGIN.format(folder=folder))

    def ran(self, case: Case) -> Ran:
        """Run one case on its own."""
        home, server = self._folder / "home", self._folder / "server"
        for old in (home, server):
            shutil.rmtree(old, ignore_errors=True)
        project = Path(shutil.copytree(self._template, home / "shop"))
        with pytest.MonkeyPatch.context() as patch:
            self._set_up(case, patch, project, server)
            before = _tree(project), _tree(server / str(PLACE))
            self._sha = (
                (project / ".git/refs/heads/main").read_text().strip() if (project / ".git").is_dir() else "none"
            )
            self._answer_for(case)
            code, printed, said = _typed(self._named(case.run))
            web.close()
            after = _tree(project), _tree(server / str(PLACE))
        changed = sorted({name for was, now in zip(before, after, strict=True) for name, _ in was ^ now})
        calls = [call for each in (self._engine, self._registry, self._github) for call in _changing(each)]
        return Ran(code, self._shown(said), self._shown(printed), (*changed, *calls))

    def _set_up(self, case: Case, patch: pytest.MonkeyPatch, project: Path, server: Path) -> None:
        _isolate(patch)
        patch.setattr(secret, "_known", set())
        patch.setattr(redaction, "_concealed", set())
        patch.setattr(routes, "STATE", str(server))
        patch.setattr(routes, "CONNECTION_FILE", str(server / "connection"))
        patch.setattr(state, "_CADDY", str(server / "caddy-version"))
        patch.setattr(api, "TRIES", 1)
        patch.setattr(ssh, "CONNECT_WITHIN", 5.0)
        for name, value in self._variables(project).items():
            patch.setenv(name, value)
        _edit(case, project, self._named)
        for name, value in case.variables.items():
            patch.setenv(name, self._named(value))
        if case.commit and (case.change or case.write):
            Repository(project).commit()
        (self._folder / "says").write_text(case.compose_says.replace("FOLDER", str(project)))
        config = self._folder / "docker" / "config.json"
        config.write_text(self._named(case.docker) or "{}")
        self._serve(case, server)
        patch.chdir(project.parent if case.folder == "/" else project / case.folder)

    def _variables(self, project: Path) -> dict[str, str]:
        programs = self._folder / "server"
        return {
            "HOME": str(project.parent),
            "DOCKER_HOST": f"unix://{self._folder}/docker.sock",
            "DOCKER_CONFIG": str(self._folder / "docker"),
            "GITHUB_API_URL": f"http://127.0.0.1:{self._github.port}",
            "PATH": f"{programs}:{os.environ['PATH']}",
        }

    def _serve(self, case: Case, server: Path) -> None:
        """The server's files and programs, and what the engine, the registry and GitHub answer."""
        place = server / str(PLACE)
        (place / "releases").mkdir(parents=True)
        files: dict[str, str | None] = {
            "live": LIVE.name,
            f"releases/{LIVE.name}.json": ledger.encode_record(LIVE.record).decode(),
            "configuration-key": "a2V5",
            "ledger.jsonl": ledger.line(entry(LIVE), "") + "\n",
            **case.state,
        }
        for name, text in files.items():
            if text is not None:
                (place / name).write_text(text)
        (server / "answer").write_bytes(_http(_served()) if case.edge is None else case.edge.encode())
        program(server, "nc", f"cat > /dev/null; cat {server}/answer")
        program(server, "caddy", "echo v2.10.2 h1:x")
        program(server, "ssh", f"cat >&2 <<'END'\n{case.ssh_says}\nEND\nexit 255")
        opened = shell(server)
        start = opened.pop("POST /exec/shell/start")
        self._engine.answers = {
            "GET /_ping": Answer(), "GET /info": Answer(body={"Name": "shop"}), "GET /networks": Answer(body=[]),
            "GET /images/json": Answer(body=[]), "GET /volumes": Answer(body={"Volumes": []}),
            "GET /containers/json": _containers,
            "POST /containers/edge/exec": Answer(201, {"Id": "shell"}),
            f"POST /containers/{caddy.NAME}/exec": Answer(201, {"Id": "shell"}),
            "POST /exec/shell/start": start,
        }  # fmt: skip

    def _answer_for(self, case: Case) -> None:
        """What the registry and others answer about this case's commit."""
        self._registry.answers = {f"HEAD /v2/acme/web/manifests/{self._sha}": Answer(headers=DIGEST)}
        self._github.answers = {}
        for each, answers in (
            (self._engine, case.engine), (self._registry, case.registry), (self._github, case.github)
        ):  # fmt: skip
            each.requests.clear()
            each.answers |= {self._named(line): _answer(answer) for line, answer in answers.items()}

    def _named(self, text: str) -> str:
        return text.replace("REGISTRY", f"localhost:{self._registry.port}").replace("SHA", self._sha)

    def _shown(self, text: str) -> str:
        names = {
            self._sha: COMMIT,
            self._sha[:8]: COMMIT[:8],
            f"localhost:{self._registry.port}": "localhost:5000",
            f"127.0.0.1:{self._github.port}": "api.github.com",
            f"{self._folder}/home": "/home/you",
            str(self._folder): "",
        }
        for name, shown in names.items():
            text = text.replace(name, shown)
        return "\n".join(line for line in text.splitlines() if line.strip() and not _STEP.match(line))


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """One to run cases in."""
    with on_socket(folder / "docker.sock") as engine, on_port() as registry, on_port() as github:
        yield World(folder, engine, registry, github)


def _isolate(patch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own environment."""
    for name in list(os.environ):
        if name.startswith(("GIT", "TAGSHIP", "DOCKER", "CI", "SENTRY")) or name.endswith(("_BUNDLE", "_proxy")):
            patch.delenv(name)
    for name, value in _VARIABLES.items():
        patch.setenv(name, value)


def _typed(line: str) -> tuple[object, str, str]:
    """Exit code, standard output and error of a command line."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["tagship", *shlex.split(line)])
        if alone := _alone(line.partition(" ")[0]):
            patch.setattr(cli, "namespace", alone)
        patch.setattr(sys, "stdin", io.StringIO())
        try:
            cli.main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code or 0
    return code, out.getvalue(), err.getvalue()


def _alone(name: str) -> Collection | None:
    """The collection with only this task, which Invoke parses ten times as fast; None if there is no such task."""
    if name not in namespace.task_names:
        return None
    group, dot, own = name.rpartition(".")
    inner = Collection(group or "tagship")
    inner.add_task(namespace[name], own)
    return Collection("tagship", inner) if dot else inner


def _edit(case: Case, project: Path, named: Any) -> None:  # noqa: ANN401 - a function of text
    for name, text in case.write.items():
        path = project / name
        if text is None:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(
                named(text).encode("latin-1", errors="surrogateescape") if "\udce9" in text else named(text).encode()
            )
    for name, changes in case.change.items():
        text = (project / name).read_text()
        for old, new in changes.items():
            assert named(old) in text, f"{case.did}: {name} has no {old!r}"
            text = text.replace(named(old), named(new), 1) if old else text + named(new)
        (project / name).write_text(text)


def _served() -> routes.Json:
    """The edge's configuration, as the live release has it."""
    served = LIVE.served
    site = routes.site(PLACE, ["http://shop.example.com"], served, served)
    http = routes.server_config(80, 443, "acme")["apps"]["http"]
    return sites.installed(http, PLACE, site)


def _http(body: object) -> bytes:
    text = json.dumps(body)
    return f'HTTP/1.1 200 OK\r\nEtag: "1"\r\nContent-Length: {len(text)}\r\n\r\n{text}'.encode()


def _containers(request: Request) -> Answer:
    """The edge, and the live release's one container."""
    if f"{LABEL}.edge" in request.query.get("filters", ""):
        labels = {f"{LABEL}.edge": caddy.RESTART}
        return Answer(body=[{"Id": "edge", "Names": [f"/{caddy.NAME}"], "State": "running", "Labels": labels,
                             "Ports": [{"PublicPort": 80}, {"PublicPort": 443}]}])  # fmt: skip
    labels = {
        f"{LABEL}.app": PLACE.app, f"{LABEL}.environment": PLACE.environment, "com.docker.compose.project": LIVE.name,
        "com.docker.compose.service": "web",
    }  # fmt: skip
    return Answer(body=[{"Id": "web", "Names": [f"/{LIVE.name}-web-1"], "State": "running", "Status": "Up",
                         "Created": 1, "ImageID": "sha256:1", "Image": "web", "Mounts": [], "Labels": labels,
                         "NetworkSettings": {"Networks": {}}}])  # fmt: skip


def _answer(said: Mapping[str, Any]) -> Answer:
    body = said.get("body", b"")
    return Answer(said.get("status", 200), body.encode() if isinstance(body, str) else body, said.get("headers", {}))


def _changing(server: Server) -> list[str]:
    """Calls that change something; to run `sh` in the edge only reads."""
    lines = [f"{request.method} {request.path}" for request in server.requests if request.method not in {"GET", "HEAD"}]
    return [line for line in lines if not line.endswith(("/exec", "/exec/shell/start"))]


def _tree(folder: Path) -> set[tuple[str, str]]:
    """Every file below a folder with its content's hash, but git's own."""
    return {
        (str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
