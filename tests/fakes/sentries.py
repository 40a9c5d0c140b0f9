"""A fake Sentry with answers that the test sets; requests are checked against Sentry's own OpenAPI description."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tagship.sentry.account import Account
from tests.fakes.servers import Answer, Request, Said, Server, on_port
from tests.openapi import Description

DESCRIPTION = Description(Path(__file__).with_name("sentry_openapi.json"))
"""The part of Sentry's description that Tagship uses; the file names its source."""
ORG = "/api/0/organizations/acme"
TOKEN = "sntryu_0123456789abcdef"  # noqa: S105 - of a Sentry that exists only here
SHA, OLD = "b" * 40, "a" * 40
VERSION = f"shop@{SHA}"
RELEASE = {"version": VERSION, "projects": [], "dateCreated": "2026-01-01T00:00:00Z"}
UPLOADS = {
    "chunkSize": 8388608, "chunksPerRequest": 64, "maxFileSize": 2147483648, "maxRequestSize": 33554432,
    "concurrency": 8, "hashAlgorithm": "sha1", "compression": ["gzip"],
    "accept": ["release_files", "sources", "artifact_bundles", "artifact_bundles_v2"],
}  # fmt: skip
"""What GET chunk-upload answers, as recorded of Sentry 23.7.1."""

REPO = {
    "id": "1", "name": "acme/shop", "url": "https://github.com/acme/shop", "status": "active",
    "provider": {"id": "integrations:github", "name": "GitHub"},
}  # fmt: skip
"""A repository that an integration of Sentry's reads."""


def deploy(**over: object) -> dict[str, object]:
    """A deploy as Sentry 23.7.1 returns it."""
    return {
        "id": "5", "environment": "staging", "dateStarted": "2026-01-01T00:00:00Z",
        "dateFinished": "2026-01-01T00:00:07Z", "name": None, "url": "https://x", **over,
    }  # fmt: skip


def sessions(count: int, crashed: int) -> dict[str, object]:
    """The sessions of a release as Sentry returns them; without any group if there were none."""
    by_status = {"healthy": count - crashed, "crashed": crashed, "errored": 0, "abnormal": 0} if count else {}
    groups = [
        {"by": {"session.status": status}, "series": {}, "totals": {"sum(session)": number}}
        for status, number in by_status.items()
    ]
    moments = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z", "intervals": []}
    return {**moments, "groups": groups, "query": ""}


class Sentry:
    """One organization with two projects."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{server.port}"
        self.issues: dict[str, int] = {}
        """Project's id → new issues."""
        self.first_seen = "2099-01-01T00:00:00Z"
        """When those were first seen; by default after any release."""
        self.errors: dict[str, dict[str, int]] = {}
        """Release → project's id → error events."""
        self.sessions: dict[str, dict[str, tuple[int, int]]] = {}
        """Release → project's id → sessions, and how many of them crashed."""
        self._chunks: list[str] = []
        server.headers = {"Content-Type": "application/json"}
        server.answers |= self._answers()

    def account(self) -> Account:
        """The way in."""
        return Account(self.url, "acme", ("backend", "frontend"), TOKEN)

    @property
    def calls(self) -> list[str]:
        """`METHOD path` of every request, without the organization."""
        return [f"{r.method} {r.path.removeprefix(ORG)}" for r in self.server.requests]

    def body(self, line: str) -> Any:  # noqa: ANN401 - JSON
        """The body of the last such call."""
        return self.server.asked(line.replace(" /", f" {ORG}/", 1))[-1].json()

    def _answers(self) -> Mapping[str, Said]:
        release = f"{ORG}/releases/{VERSION}/"
        quoted = f"{ORG}/releases/{VERSION.replace('@', '%40')}/"
        return {
            f"POST {ORG}/releases/": Answer(201, RELEASE),
            f"PUT {release}": Answer(body=RELEASE),
            f"PUT {quoted}": self._described(RELEASE),
            f"GET {release}previous-with-commits/": Answer(body={}),
            f"GET {ORG}/repos/": self._described([]),
            f"GET {quoted}": Answer(body={**RELEASE, "dateReleased": None}),
            f"GET {quoted}deploys/": self._described([]),
            f"POST {release}deploys/": Answer(201, deploy()),
            f"GET {ORG}/chunk-upload/": Answer(body={**UPLOADS, "url": f"{self.url}{ORG}/chunk-upload/"}),
            f"POST {ORG}/chunk-upload/": Answer(body={}),
            f"POST {ORG}/artifactbundle/assemble/": self._assemble,
            "GET /api/0/projects/acme/backend/": Answer(body={"id": "1", "slug": "backend"}),
            "GET /api/0/projects/acme/frontend/": Answer(body={"id": "2", "slug": "frontend"}),
            f"GET {ORG}/issues/": self._issues,
            f"GET {ORG}/events/": self._events,
            f"GET {ORG}/sessions/": self._sessions,
        }

    def _described(self, reply: object) -> Said:
        """The set reply, after the request was checked against Sentry's description."""

        def said(request: Request) -> Answer:
            DESCRIPTION.check_request(request.method, request.line, request.json() if request.body else None)
            return Answer(body=reply)

        return said

    def _assemble(self, request: Request) -> Answer:
        wanted = request.json()["chunks"]
        missing = [chunk for chunk in wanted if chunk not in self._chunks]
        self._chunks += wanted
        return Answer(body={"state": "not_found" if missing else "created", "missingChunks": missing})

    def _issues(self, request: Request) -> Answer:
        DESCRIPTION.check_request("GET", request.line, None)
        count = self.issues.get(request.query["project"], 0)
        return Answer(body=[{"id": str(number), "firstSeen": self.first_seen} for number in range(count)])

    def _events(self, request: Request) -> Answer:
        count = self.errors.get(_release(request), {}).get(request.query["project"], 0)
        return Answer(body={"data": [{"count()": count}], "meta": {}})

    def _sessions(self, request: Request) -> Answer:
        DESCRIPTION.check_request("GET", request.line, None)
        reply = sessions(*self.sessions.get(_release(request), {}).get(request.query["project"], (0, 0)))
        DESCRIPTION.check_reply("GET", request.line, 200, reply)
        return Answer(body=reply)


def _release(request: Request) -> str:
    found = re.search(r'release:"([^"]+)"', request.query["query"])
    return found[1] if found else ""


@contextmanager
def serve() -> Iterator[Sentry]:
    """One on this machine."""
    with on_port() as server:
        yield Sentry(server)
