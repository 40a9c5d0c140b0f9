"""Calls Sentry's web API for what sentry-cli can't do: repositories, deploys, and the health of a release.

https://docs.sentry.io/api/
"""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from tagship.errors import SentryError, plain
from tagship.sentry.account import Account
from tagship.sentry.health import Sessions
from tagship.source.git import Commit
from tagship.system import web
from tagship.system.deadline import Deadline

WITHIN = 10.0
"""Seconds for one request."""
PAGE = 100
"""Issues that one request can list; more new ones needn't be counted."""
_LENGTHS = {"author_name": 128, "author_email": 75, "repository": 64}
"""The most characters that Sentry accepts; for an address 200 today, 75 in release 23.7.1.

https://docs.sentry.io/api/releases/update-an-organizations-release/
"""

Span = tuple[float, float]
"""From and to, seconds since the epoch."""


class SentryApi:
    """One account's API. Every method raises SentryError."""

    def __init__(self, account: Account, until: Deadline | None = None) -> None:
        self._account = account
        self._until = until or Deadline()
        self._base = f"/organizations/{quote(account.org, safe='')}"
        self._ids: list[str] = []

    def repository(self, remote: str) -> str:
        """The name under which one of Sentry's integrations reads a git remote's commits; empty for none.

        Also empty if the token may not look, as with an organization's token for CI.
        """
        wanted = remote.lower().rstrip("/")
        if not wanted:
            return ""
        try:
            found = self._get(f"{self._base}/repos/", status="active", query=wanted.rpartition("/")[2])
        except SentryError as error:
            if error.status == http.client.FORBIDDEN:
                return ""
            raise
        with _understanding():
            return next((str(known["name"]) for known in found if _reads(known, wanted)), "")

    def set_commits(self, version: str, repository: str, commits: Sequence[Commit]) -> None:
        """Report the commits of a release, for a repository that Sentry can't read.

        Doesn't use sentry-cli, which takes the range since the last release that Sentry saw, in any environment.
        """
        body = [_commit(commit, repository) for commit in commits]
        self._call("PUT", f"{self._base}/releases/{quote(version, safe='')}/", {"commits": body})

    def deploys(self, version: str) -> list[dict[str, Any]]:
        """A release's recorded deploys, newest first; none if Sentry doesn't know the release."""
        try:
            found: list[dict[str, Any]] = self._get(f"{self._base}/releases/{quote(version, safe='')}/deploys/")
        except SentryError as error:
            if error.status == http.client.NOT_FOUND:
                return []
            raise
        return found

    def released(self, version: str) -> bool:
        """Whether a release is finalized."""
        with _understanding():
            return bool(self._get(f"{self._base}/releases/{quote(version, safe='')}/")["dateReleased"])

    def identify(self) -> None:
        """Look up the projects' ids, once, because servers before 2025 don't accept slugs in queries."""
        if not self._ids:
            org = quote(self._account.org, safe="")
            named = (f"/projects/{org}/{quote(project, safe='')}/" for project in self._account.projects)
            with _understanding():
                self._ids = [str(self._get(path)["id"]) for path in named]

    def new_issues(self, version: str, environment: str, since: float) -> int:
        """How many unresolved issues were first seen in a release, in this environment, since a moment.

        Without the moment, an older release that comes back would be blamed for its first time. At most PAGE per
        project.
        """
        query = f'is:unresolved first-release:"{version}"'
        with _understanding():
            found = self._each("issues", environment, query=query, limit=PAGE)
            first = (datetime.fromisoformat(issue["firstSeen"]) for issues in found for issue in issues)
            return sum(at.timestamp() >= int(since) for at in first)

    def errors(self, version: str, environment: str, span: Span) -> int:
        """How many error events a release sent."""
        query = f'release:"{version}" event.type:error'
        with _understanding():
            found = self._each("events", environment, **_span(span), field="count()", query=query)
            return sum(int(answer["data"][0]["count()"]) for answer in found)

    def sessions(self, version: str, environment: str, span: Span) -> Sessions:
        """How many sessions a release had, and how many of them crashed.

        Counts by status, because older servers silently omit `crash_free_rate(session)`.
        """
        with _understanding():
            found = self._each(
                "sessions", environment, **_span(span), field="sum(session)", groupBy="session.status",
                query=f'release:"{version}"', interval="1h", includeSeries=0,
            )  # fmt: skip
            groups = [group for answer in found for group in answer["groups"]]
            counts = [(group["by"]["session.status"], int(group["totals"]["sum(session)"] or 0)) for group in groups]
            return Sessions(sum(n for _, n in counts), sum(n for status, n in counts if status == "crashed"))

    def links(self, version: str, environment: str) -> dict[str, str]:
        """Links to the same data in Sentry."""
        where = f"{self._account.url}/organizations/{quote(self._account.org, safe='')}"

        def issues(query: str) -> str:
            return f"{where}/issues/?{urlencode({'environment': environment, 'query': query})}"

        return {
            "new issues": issues(f'is:unresolved first-release:"{version}"'),
            "errors": issues(f'release:"{version}"'),
            "sessions": f"{where}/releases/{quote(version, safe='')}/?{urlencode({'environment': environment})}",
        }

    def _each(self, what: str, environment: str, **query: object) -> list[Any]:
        """The answers for each project in turn; not every Sentry plan allows queries for several projects."""
        self.identify()
        path = f"{self._base}/{what}/"
        return [self._get(path, environment=environment, project=project, **query) for project in self._ids]

    def _get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        return self._call("GET", f"{path}?{urlencode(query, doseq=True)}" if query else path)

    def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"Authorization": f"Bearer {self._account.token}", "User-Agent": "tagship"}
        data = None if body is None else json.dumps(body)
        if data:
            headers["Content-Type"] = "application/json"
        asked = f"{method} /api/0{path.partition('?')[0]}"
        if not self._until.left:
            raise SentryError(f"No time was left to ask Sentry ({asked}).")
        try:
            within = min(WITHIN, self._until.left)
            reply = web.request(method, f"{self._account.url}/api/0{path}", headers, data, within=within)
        except (OSError, ValueError) as error:
            raise SentryError(f"Sentry doesn't answer: {plain(error)} ({asked}).") from None
        if reply.status >= http.client.MULTIPLE_CHOICES:  # what changes something follows no redirect
            message = self._account.hide(reply.body[:200].decode(errors="replace").strip())
            hint = _HINTS.get(reply.status, "")
            raise SentryError(f"Sentry answered {reply.status}: {message} ({asked}).", status=reply.status, hint=hint)
        try:
            return json.loads(reply.body) if reply.body else None
        except ValueError:
            raise SentryError(f"Sentry's answer isn't JSON ({asked}).", hint="check SENTRY_URL") from None


_HINTS = {
    401: "check SENTRY_AUTH_TOKEN, which must be from this server",
    403: "add the missing scope to the token; Tagship's docs/sentry.md lists the scopes",
    404: "check that the organization and the projects are spelt as in Sentry's URLs, and that the token may see them",
}


def _reads(known: Mapping[str, Any], remote: str) -> bool:
    """Whether a repository in Sentry is that remote, and an integration reads it."""
    by_url = (known.get("url") or "").lower().removesuffix(".git").rstrip("/")
    named = remote.endswith(f"/{known['name'].lower().replace(' ', '')}")
    return known["provider"]["id"] != "unknown" and (by_url == remote or named)


@contextmanager
def _understanding() -> Iterator[None]:
    """Treat an answer of an undocumented shape as a failure."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise SentryError(f"Sentry's answer isn't understood: {type(error).__name__}: {error}.") from None


def _span(span: Span) -> dict[str, str]:
    start, end = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S") for at in span)
    return {"start": start, "end": end}


def _commit(commit: Commit, repository: str) -> Mapping[str, object]:
    return {
        "id": commit.id,
        "repository": repository[: _LENGTHS["repository"]],
        "author_name": commit.author[: _LENGTHS["author_name"]],
        "author_email": commit.email[: _LENGTHS["author_email"]],
        "timestamp": commit.at,
        "message": commit.message,
        "patch_set": [{"path": path, "type": kind} for path, kind in commit.files.items()],
    }
