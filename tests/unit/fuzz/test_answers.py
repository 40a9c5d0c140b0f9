"""What registries, GitHub, engines and the edge answer."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.edge import routes, sites
from tagship.edge.admin import answered, application
from tagship.edge.shell import Shell
from tagship.edge.traffic import Edge
from tagship.errors import TagshipError
from tagship.github import gate
from tagship.github.api import Repository
from tagship.images.credentials import credentials
from tagship.images.registry import Registry
from tagship.release.model import Served
from tagship.system import web
from tests.fakes.builders import PLACE, WEB
from tests.unit.fuzz import how

SITE = routes.site(PLACE, ["http://shop.example.com"], Served(WEB), Served(WEB))
HTTP = sites.installed(routes.server_config(80, 443, "acme")["apps"]["http"], PLACE, SITE)
CHALLENGES = st.sampled_from(
    ["", "Basic", 'Basic realm="x"', 'Bearer realm="https://auth.example.com/token",service="x"', 'Bearer realm="http://x"',
     "Bearer", "Negotiate"]
)  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "docker-content-digest": st.text(max_size=80) | st.just(f"sha256:{'1' * 64}"),
        "retry-after": st.text(max_size=5) | st.integers(0, 90).map(str),
        "x-ratelimit-remaining": st.sampled_from(["0", "7", "x"]),
        "x-ratelimit-reset": st.text(max_size=5),
        "www-authenticate": CHALLENGES,
    },
)
STATUSES = st.sampled_from([200, 201, 204, 301, 401, 403, 404, 418, 429, 500, 503])
BODIES = st.binary(max_size=60) | how.json.map(lambda found: json.dumps(found).encode()) | st.just(b"[" * 5_000)
REVIEW = {
    "type": "required_reviewers",
    "reviewers": [{"type": "User", "reviewer": {"id": 1}}],
    "prevent_self_review": True,
}
ENVIRONMENT = {
    "name": "production",
    "protection_rules": [REVIEW, {"type": "wait_timer", "wait_timer": 5}],
    "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
    "branch_policies": [{"id": 1, "name": "main"}],
    "secrets": [{"name": "TOKEN"}],
    "variables": [{"name": "COLOR", "value": "blue"}],
    "id": 3,
}


def fails_properly(call: Any, *arguments: Any) -> None:  # noqa: ANN401 - any function
    """Call it; it may only raise our own errors, with something to read."""
    try:
        call(*arguments)
    except TagshipError as error:
        assert error.problem.strip()


@how.fuzzed
@given(status=STATUSES, headers=HEADERS, body=BODIES, token=BODIES, challenge=CHALLENGES)
def test_a_registry_may_answer_anything(
    status: int, headers: dict[str, str], body: bytes, token: bytes, challenge: str
) -> None:
    registry = Registry("registry.example.com")

    def request(method: str, *_: object, **__: object) -> web.Reply:
        return web.Reply(status, headers, body if method == "HEAD" else token)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web, "request", request)
        fails_properly(registry.digest, "acme/web", "latest")
        fails_properly(registry._authorization, challenge, "acme/web")


@how.fuzzed
@given(
    found=how.bent({"auths": {"registry.example.com": {"auth": "dTpw"}}, "credHelpers": {}}),
    text=st.binary(max_size=20),
)
def test_dockers_own_file_of_accounts_may_hold_anything(
    tmp_path_factory: pytest.TempPathFactory, found: object, text: bytes
) -> None:
    folder = tmp_path_factory.mktemp("docker")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(folder))
        patch.setenv("PATH", str(folder))
        for content in (json.dumps(found).encode(), text):
            Path(folder / "config.json").write_bytes(content)
            fails_properly(credentials, "registry.example.com")


@how.fuzzed
@given(
    status=STATUSES, headers=HEADERS, body=BODIES | how.bent(ENVIRONMENT).map(lambda found: json.dumps(found).encode())
)
def test_github_may_answer_anything(status: int, headers: dict[str, str], body: bytes) -> None:
    repo = Repository("acme/shop", "t", sleep=lambda _: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web, "request", lambda *_, **__: web.Reply(status, headers, body))
        for call, *arguments in (
            (gate.observe, repo, "production"), (repo.secret_names, "production"), (repo.variable_names, "production"),
            (repo.reviewer, "acme/ops"), (repo.create_deployment, "production", "main", "x"),
            (repo.deployments, "production", "main"), (repo.statuses, 3), (repo.branch_policies, "production"),
        ):  # fmt: skip
            fails_properly(call, *arguments)


RIGHT = b'HTTP/1.1 200 OK\r\nEtag: "1"\r\nContent-Length: 2\r\n\r\n{}'


@how.fuzzed
@given(answer=how.damaged(RIGHT) | st.binary(max_size=80) | BODIES)
def test_the_edges_admin_api_may_answer_anything(answer: bytes) -> None:
    status, etag, _ = answered(answer)

    assert isinstance(status, int)
    assert isinstance(etag, str)


@how.fuzzed
@given(found=how.bent(HTTP, how.scalars), body=how.json)
def test_the_edges_configuration_may_be_anything(found: object, body: object) -> None:
    for each in (found, body):
        http = application((200, "", each))
        for call, *arguments in (
            (sites.stand, PLACE, SITE), (sites.installed, PLACE, SITE), (sites.announces,), (sites.addresses, PLACE),
            (sites.taken, PLACE, SITE), (sites.lacking, SITE), (sites.served, PLACE), (sites.is_held, PLACE),
            (sites.has_switch, PLACE),
        ):  # fmt: skip
            fails_properly(call, http, *arguments)


class _Said:
    """A shell that has one answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def run(self, _: str) -> bytes:
        """The answer."""
        return self._answer


FIELDS = b"\036".join(
    [
        b"shop-staging-aaaaaaaa-000000",
        b"{}",
        b"key",
        b"{}",
        b"overlay 10 5 5 50% /",
        b"MemAvailable: 5 kB",
        RIGHT,
        b"v2.10",
        b"on",
        b"",
    ]
)


@how.fuzzed
@given(answer=how.damaged(FIELDS) | st.binary(max_size=60), upstreams=how.bent([{"address": "a:1", "num_requests": 1}]))
def test_the_edges_files_may_hold_anything(answer: bytes, upstreams: object) -> None:
    edge = Edge(cast("Shell", _Said(answer)), PLACE)
    body = json.dumps(upstreams).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    fails_properly(edge.read)
    fails_properly(edge.records)
    fails_properly(edge.connections, ["10.0.0.1"])
    fails_properly(Edge(cast("Shell", _Said(head + body)), PLACE).requests_in_flight, "shop-staging-aaaaaaaa-000000")
