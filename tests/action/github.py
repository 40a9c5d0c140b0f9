"""A small GitHub on this machine: environments and deployments, every request and reply held to its description."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.openapi import Description

TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"  # noqa: S105 - of a GitHub that exists only here
RUN, JOB = "4711", "1"
DESCRIPTION = Description(Path(__file__).with_name("openapi.json"))
"""GitHub's own; the file says its source."""

Reply = tuple[int, Any]


@dataclass
class GitHub:
    """What the repository has, and what was asked of it."""

    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, set[str]] = field(default_factory=dict)
    """Environment, or an empty text for the repository → names."""
    deployments: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failures: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers of the next answers, before any other is given."""
    url: str = ""

    def protect(self, name: str, branch: str, *, reviewers: bool = True) -> None:
        """An environment as `github.protect` makes it."""
        people = [{"type": "User", "id": 1}] if reviewers else []
        policy = {"protected_branches": False, "custom_branch_policies": True}
        self._put(name, {"reviewers": people, "prevent_self_review": True, "deployment_branch_policy": policy})
        self._add_policy(name, {"name": branch})

    def begin(self, name: str, sha: str, run: str = RUN, job: str = JOB, state: str = "in_progress") -> int:
        """What GitHub itself does when a job names an environment: an unprotected one is made if it is missing."""
        if name not in self.environments:
            self._put(name, {})
        deployment = DESCRIPTION.example("deployment-items")[0]
        number = 100 + len(self.deployments)
        deployment.update(id=number, sha=sha, ref=sha, environment=name)
        self.deployments.insert(0, deployment)
        self._say(number, {"state": state, "log_url": f"https://github.com/o/r/actions/runs/{run}/job/{job}"})
        return number

    def states(self, number: int) -> list[str]:
        """The states of a deployment, oldest first."""
        return [status["state"] for status in reversed(self.statuses.get(number, []))]

    def answer(self, method: str, path: str, body: Any) -> Reply:  # noqa: ANN401 - JSON
        """What GitHub says."""
        plain, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        parts = [unquote(part) for part in plain.split("/")[4:]]
        match (method, *parts):
            case ("GET", "environments", name):
                found = self.environments.get(name)
                return (200, found) if found else (404, {"message": "Not Found"})
            case ("PUT", "environments", name):
                return 200, self._put(name, body)
            case ("GET", "environments", name, "deployment-branch-policies"):
                found_policies = self.policies.get(name, [])
                return 200, {"total_count": len(found_policies), "branch_policies": found_policies}
            case ("POST", "environments", name, "deployment-branch-policies"):
                return 200, self._add_policy(name, body)
            case ("DELETE", "environments", name, "deployment-branch-policies", number):
                self.policies[name] = [policy for policy in self.policies[name] if policy["id"] != int(number)]
                return 204, None
            case _:
                return self._more(method, parts, query, body)

    def _more(self, method: str, parts: list[str], query: dict[str, list[str]], body: Any) -> Reply:  # noqa: ANN401, PLR0911 - JSON
        match (method, *parts):
            case ("GET", "actions" | "environments", *place, "variables" | "secrets" as kind):
                name = place[0] if place else ""
                known = self.variables if kind == "variables" else self.secrets
                return 200, _listed(kind, known.get(name, {}))
            case ("POST", "environments", name, "variables"):
                self.variables.setdefault(name, {})[body["name"]] = body["value"]
                return 201, {}
            case ("PATCH", "environments", name, "variables", key):
                self.variables[name][key] = body["value"]
                return 204, None
            case ("GET", "deployments"):
                wanted = {key: values[0] for key, values in query.items() if key in {"environment", "sha"}}
                return 200, [d for d in self.deployments if all(d[key] == value for key, value in wanted.items())]
            case ("POST", "deployments"):
                number = self.begin(body["environment"], body["ref"], "elsewhere")
                return 201, next(d for d in self.deployments if d["id"] == number)
            case ("GET", "deployments", number, "statuses"):
                return 200, self.statuses.get(int(number), [])
            case ("POST", "deployments", number, "statuses"):
                return 201, self._say(int(number), body)
        return 404, {"message": "Not Found"}

    def _put(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = DESCRIPTION.example("environment")
        person = made["protection_rules"][1]["reviewers"][0]["reviewer"]
        rules: list[dict[str, Any]] = []
        if body.get("reviewers"):
            people = [{"type": r["type"], "reviewer": person | {"id": r["id"]}} for r in body["reviewers"]]
            strict = bool(body.get("prevent_self_review"))
            rules.append(_rule("required_reviewers", prevent_self_review=strict, reviewers=people))
        if body.get("wait_timer"):
            rules.append(_rule("wait_timer", wait_timer=body["wait_timer"]))
        policy = body.get("deployment_branch_policy")
        if policy:
            rules.append(_rule("branch_policy"))
        made.update(name=name, protection_rules=rules, deployment_branch_policy=policy)
        self.environments[name] = made
        return made

    def _add_policy(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        policies = self.policies.setdefault(name, [])
        policies.append({"id": 900 + len(policies), "node_id": "x", "name": body["name"], "type": "branch"})
        return policies[-1]

    def _say(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        status: dict[str, Any] = DESCRIPTION.example("deployment-status") | body
        self.statuses.setdefault(number, []).insert(0, status)
        return status


def _listed(kind: str, known: Mapping[str, str] | set[str]) -> dict[str, Any]:
    """Names, and values of variables, as GitHub lists them."""
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    values = {name: {"value": value} for name, value in known.items()} if isinstance(known, Mapping) else {}
    items = [{"name": name, **times, **values.get(name, {})} for name in sorted(known)]
    return {"total_count": len(items), kind: items}


def _rule(kind: str, **facts: object) -> dict[str, Any]:
    return {"id": 1, "node_id": "x", "type": kind, **facts}


class _Handler(BaseHTTPRequestHandler):
    github: GitHub

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        github, method = self.github, self.command
        path = re.sub(r"^/api/v3(?=/)", "", self.path)
        github.requests.append((method, path, body))
        if github.failures:
            status, headers = github.failures.pop(0)
            self._send(status, {"message": "as the test wants it"}, headers)
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {"message": "Bad credentials"}, {})
        elif path.startswith("/users/"):
            self._send(200, {"id": 7}, {})
        else:
            self._checked(method, path, body)

    def _checked(self, method: str, path: str, body: Any) -> None:  # noqa: ANN401 - JSON
        try:
            DESCRIPTION.check_request(method, path, body)
            status, reply = self.github.answer(method, path, body)
            if status < 400:
                DESCRIPTION.check_reply(method, path, status, reply)
        except AssertionError as error:
            self.github.problems.append(f"{method} {path}: {error}")
            status, reply = 422, {"message": str(error)}
        self._send(status, reply, {})

    def _send(self, status: int, reply: Any, headers: dict[str, str]) -> None:  # noqa: ANN401 - JSON
        data = b"" if reply is None else json.dumps(reply).encode()
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Log nothing."""


@contextmanager
def serve(address: str = "127.0.0.1") -> Iterator[GitHub]:
    """A GitHub while the block runs; what broke the contract is an error at its end."""
    github = GitHub()
    handler = type("Handler", (_Handler,), {"github": github})
    server = ThreadingHTTPServer((address, 0), handler)
    github.url = f"http://{address}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert github.problems == []
