"""Calls GitHub's REST API for environments and deployments. GITHUB_API_URL also makes it work with GHES.

Reference: https://docs.github.com/rest/deployments
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from tagship.errors import ConfigError, GitHubError, plain
from tagship.secret import Secret
from tagship.system import web

PUBLIC = "https://api.github.com"
VERSION = "2022-11-28"
TRIES = 4
WITHIN = 20.0
LONGEST_WAIT = 60.0
"""The longest wait for a rate limit, in seconds. A longer one is an error that gives the time."""
_PAGE, _VARIABLES = 100, 30
"""The most items of a page, and the most of a page of variables."""
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_MISSING, _FORBIDDEN, _TOO_MANY, _SERVER = 404, 403, 429, 500

_HINTS = {
    401: "check the token in GITHUB_TOKEN",
    403: "give the token the rights that Tagship's docs/github-action.md lists",
    404: "check GITHUB_REPOSITORY, the name, and that the token may see it",
    422: "check the names and values that were given",
}


@contextmanager
def understood() -> Iterator[None]:
    """Turns a surprise in GitHub's answer into GitHubError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise GitHubError(
            "GitHub's answer isn't what its API describes.",
            hint="check GITHUB_API_URL, and that no proxy answers in GitHub's place",
        ) from error


class Repository:
    """One repository's API. Never prints the token."""

    def __init__(
        self, name: str, token: str, api: str = PUBLIC, sleep: Callable[[float], object] | None = None
    ) -> None:
        self.name = name
        self._token = Secret(token)
        self._api = api.rstrip("/")
        self._sleep = sleep or time.sleep

    @understood()
    def environment(self, name: str) -> dict[str, Any] | None:
        """An environment with its protection rules; None if it doesn't exist or the token may not see it."""
        try:
            found = _table(self._call("GET", f"environments/{quote(name, safe='')}"))
        except GitHubError as error:
            if error.status == _MISSING:
                return None
            raise
        return found

    def put_environment(self, name: str, settings: Mapping[str, Any]) -> None:
        """Create an environment or replace its protection; rules that aren't in `settings` are removed."""
        self._call("PUT", f"environments/{quote(name, safe='')}", settings)

    def branch_policies(self, environment: str) -> list[dict[str, Any]]:
        """The branch patterns that may deploy, if the environment has its own."""
        path = f"environments/{quote(environment, safe='')}/deployment-branch-policies"
        return self._pages(path, "branch_policies")

    def add_branch_policy(self, environment: str, pattern: str) -> None:
        """Allow one more branch to deploy."""
        path = f"environments/{quote(environment, safe='')}/deployment-branch-policies"
        self._call("POST", path, {"name": pattern, "type": "branch"})

    def remove_branch_policy(self, environment: str, policy: int) -> None:
        """Remove a branch that may deploy."""
        self._call("DELETE", f"environments/{quote(environment, safe='')}/deployment-branch-policies/{policy}")

    @understood()
    def variables(self, environment: str) -> dict[str, str]:
        """An environment's variables."""
        found = self._pages(f"environments/{quote(environment, safe='')}/variables", "variables", size=_VARIABLES)
        return {variable["name"]: variable["value"] for variable in found}

    @understood()
    def secret_names(self, environment: str) -> frozenset[str]:
        """The names of the secrets that a job in an environment has: its own, and the repository's."""
        places = (f"environments/{quote(environment, safe='')}/secrets", "actions/secrets")
        return frozenset(item["name"] for path in places for item in self._pages(path, "secrets"))

    @understood()
    def variable_names(self, environment: str) -> frozenset[str]:
        """The same of variables."""
        items = self._pages("actions/variables", "variables", size=_VARIABLES)
        return frozenset(self.variables(environment)) | {str(item["name"]) for item in items}

    def set_variable(self, environment: str, name: str, value: str, *, exists: bool) -> None:
        """Create or change one variable."""
        path = f"environments/{quote(environment, safe='')}/variables"
        if exists:
            self._call("PATCH", f"{path}/{quote(name, safe='')}", {"value": value})
        else:
            self._call("POST", path, {"name": name, "value": value})

    def deployments(self, environment: str, sha: str) -> list[dict[str, Any]]:
        """The deployments of a commit to an environment, newest first."""
        return self._pages("deployments", "", environment=environment, sha=sha)

    def statuses(self, deployment: int) -> list[dict[str, Any]]:
        """The statuses of a deployment, newest first."""
        return self._pages(f"deployments/{deployment}/statuses", "")

    @understood()
    def create_deployment(self, environment: str, ref: str, description: str) -> int:
        """Record the start of a deployment. Returns its id."""
        body = {
            "ref": ref,
            "environment": environment,
            "description": description,
            "auto_merge": False,
            "required_contexts": [],
        }
        return int(self._call("POST", "deployments", body)["id"])

    def add_status(self, deployment: int, state: str, **details: str) -> None:
        """Set a deployment's status: in_progress, success or failure."""
        self._call("POST", f"deployments/{deployment}/statuses", {"state": state, **details})

    @understood()
    def reviewer(self, name: str) -> tuple[str, int]:
        """A reviewer's type and id, for `USER` or `ORG/TEAM`."""
        org, slash, team = name.partition("/")
        path = (
            f"/orgs/{quote(org, safe='')}/teams/{quote(team, safe='')}" if slash else f"/users/{quote(name, safe='')}"
        )
        return ("Team" if slash else "User"), int(self._call("GET", path)["id"])

    @understood()
    def _pages(self, path: str, key: str, size: int = _PAGE, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, 11):
            reply = self._call("GET", f"{path}?{urlencode({**query, 'per_page': size, 'page': page})}")
            items = reply[key] if key else reply
            found += [_table(item) for item in items]
            if len(items) < size:
                break
        return found

    @understood()
    def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Make a request, and retry it while this may help. Raises GitHubError."""
        where = path if path.startswith("/") else f"/repos/{self.name}/{path}"
        problem = ""
        for attempt in range(TRIES):
            try:
                reply = self._request(method, where, body)
            except OSError as error:
                problem = plain(error)
                if method == "POST":  # GitHub may already have done it
                    break
                self._sleep(2.0**attempt / 2)
                continue
            if reply.status < 300:  # noqa: PLR2004 - HTTP
                return json.loads(reply.body) if reply.body else None
            problem = f"{reply.status}: {_message(reply.body)}"
            done = method == "POST" and reply.status >= _SERVER  # it may be done
            wait = None if done else _wait(reply.status, reply.headers, attempt)
            if wait is None:
                asked = f"{method} {where.partition('?')[0]}"
                raise GitHubError(
                    f"GitHub answered {problem.rstrip('.')} ({asked}).", status=reply.status,
                    hint=_HINTS.get(reply.status, "try again later"),
                )  # fmt: skip
            if wait > LONGEST_WAIT:
                minutes = f"{wait / 60:.0f} minutes"
                raise GitHubError(
                    f"GitHub's rate limit is used up for another {minutes}.", status=reply.status,
                    hint="wait or use another token",
                )  # fmt: skip
            self._sleep(wait)
        raise GitHubError(f"GitHub can't be reached: {problem}.", hint="try again, and check GITHUB_API_URL")

    def _request(self, method: str, path: str, body: object) -> web.Reply:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token.reveal()}",
            "User-Agent": "tagship",
            "X-GitHub-Api-Version": VERSION,
        }
        data = None if body is None else json.dumps(body)
        if data:
            headers["Content-Type"] = "application/json"
        return web.request(method, f"{self._api}{path}", headers, data, within=WITHIN)


def _table(found: object) -> dict[str, Any]:
    """A JSON object. Raises TypeError for anything else."""
    if not isinstance(found, dict):
        raise TypeError(found)
    return found


def _wait(status: int, headers: Mapping[str, str], attempt: int) -> float | None:
    """Seconds until a retry may help; None if it won't.

    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    if status in {_FORBIDDEN, _TOO_MANY}:
        if "retry-after" in headers:
            return float(headers["retry-after"])
        if headers.get("x-ratelimit-remaining") == "0":
            return max(0.0, float(headers.get("x-ratelimit-reset", 0)) - time.time()) + 1
        return LONGEST_WAIT if status == _TOO_MANY else None
    return 2.0**attempt / 2 if status >= _SERVER else None


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data[:200].decode(errors="replace").strip() or "no reason given"


def repository(environment: Mapping[str, str]) -> Repository | None:
    """The repository in GITHUB_REPOSITORY, with the token in GITHUB_TOKEN; None unless both are set."""
    name, token = environment.get("GITHUB_REPOSITORY", ""), web.token("GITHUB_TOKEN", environment)
    return Repository(name, token, environment.get("GITHUB_API_URL") or PUBLIC) if name and token else None


def needed(environment: Mapping[str, str]) -> Repository:
    """The repository, for a task that requires it. Raises ConfigError."""
    found = repository(environment)
    if found is not None and not _NAME.fullmatch(found.name):
        raise ConfigError(f"GITHUB_REPOSITORY is {found.name!r}.", hint="set it to OWNER/NAME")
    if found is None:
        raise ConfigError(
            "GITHUB_REPOSITORY and GITHUB_TOKEN are not both set.", hint="set them to OWNER/NAME and a token"
        )
    return found
