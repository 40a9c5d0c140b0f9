"""Builds and pushes images with the engine of this machine."""

import json
from pathlib import Path

import pytest

from tagship.engine import images, local
from tagship.engine.client import Engine
from tagship.errors import BuildError, ConfigError, EngineError, RegistryError, ToolError
from tagship.images import build
from tagship.images import push as builder
from tests.fakes.servers import Answer, Server

DIGEST = f"sha256:{'1' * 64}"
PUSHED = Answer(lines=[{"status": "Pushed"}, {"aux": {"Tag": "tag", "Digest": DIGEST}}])
BROKEN = Answer(lines=[{"status": "Pushing"}, {"error": "connection reset by peer"}])
PUSH = "POST /images/r.example/shop/web/push"


def test_builds_with_the_engine_that_docker_host_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/other.sock")

    assert local.local_socket() == Path("/run/other.sock")


@pytest.mark.parametrize("host", ["ssh://deploy@example.com", "tcp://example.com:2376"])
def test_another_machines_engine_does_not_build(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)

    with pytest.raises(ToolError, match=f"DOCKER_HOST is {host}"):
        local.local_socket()


@pytest.fixture
def buildx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `docker-buildx` that keeps what it is told; its folder. What it does then is in `script`."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    plugin = tmp_path / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir()
    plugin.write_text(
        f'#!/bin/sh\ncat > {tmp_path}/stdin; echo "$@" > {tmp_path}/argv; env > {tmp_path}/env; . {tmp_path}/script\n'
    )
    plugin.chmod(0o755)
    return tmp_path


def test_all_images_are_one_build_by_the_engine_of_that_socket(buildx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t")
    (buildx / "script").write_text("exit 0")

    build.buildx(Path("/run/x.sock"), {"target": {"web": {}}})

    assert json.loads((buildx / "stdin").read_text()) == {"target": {"web": {}}}
    assert (buildx / "argv").read_text().split()[0] == "bake"
    environment = (buildx / "env").read_text()
    assert "DOCKER_HOST=unix:///run/x.sock\n" in environment
    assert "s3cr3t" not in environment


def test_a_build_that_fails_says_the_end_of_what_was_said(buildx: Path) -> None:
    (buildx / "script").write_text("seq 40; printf 'the reason \\377' >&2; exit 1")

    with pytest.raises(BuildError, match=r"the reason \\xff") as caught:
        build.buildx(Path("/run/x.sock"), {})

    assert "16" not in caught.value.problem.split()
    assert "17" in caught.value.problem.split()


def test_who_listens_gets_each_line_of_a_build_and_the_error_has_only_the_last(buildx: Path) -> None:
    (buildx / "script").write_text("seq 40; echo; echo the reason; echo; exit 1")
    heard: list[str] = []

    with pytest.raises(BuildError) as caught:
        build.buildx(Path("/run/x.sock"), {}, tell=heard.append)

    assert [line for line in heard if line] == [*map(str, range(1, 41)), "the reason"]
    assert caught.value.problem == "An image can't be built:\n  the reason"


@pytest.mark.parametrize("uri", ["vault://a/b?address=https://evil.example", "aws-sm://a", "sops://a.yaml"])
def test_a_pull_request_doesnt_say_whom_to_send_a_stores_token_to(uri: str) -> None:
    with pytest.raises(ConfigError, match="asks no store"):
        build.refuse_stores(["env://", uri], "pull_request_target")

    build.refuse_stores(["env://", uri], "push")
    build.refuse_stores(["env://", "dotenv://.env.secret", "command://pass show"], "pull_request")


def test_an_image_may_be_there_or_not(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {"GET /images/there/json": Answer(body={"Id": "i"}), "GET /images/broken/json": Answer(500)}

    assert images.image(engine, "there") == {"Id": "i"}
    assert images.image(engine, "elsewhere") is None
    with pytest.raises(EngineError):
        images.image(engine, "broken")


@pytest.mark.parametrize("digests", [None, [], ["other.example/web@sha256:2", f"r.example/shop/web@{DIGEST}"]])
def test_an_image_is_known_by_the_digests_of_its_own_repository(digests: list[str] | None) -> None:
    assert images.pushed_digests({"RepoDigests": digests}, "r.example/shop/web") == ({DIGEST} if digests else set())


def test_a_push_names_the_digest_it_became(daemon: Server, engine: Engine) -> None:
    daemon.answers[PUSH] = PUSHED

    assert builder.push_tag(engine, "r.example/shop/web", "tag", {"username": "u"}) == DIGEST

    (request,) = daemon.requests
    assert request.query == {"tag": "tag"}
    assert request.headers["X-Registry-Auth"]


def test_with_containerd_s_image_store_the_digest_is_in_the_text(daemon: Server, engine: Engine) -> None:
    daemon.answers[PUSH] = Answer(lines=[{"status": "Pushed"}, {"status": f"tag: digest: {DIGEST} size: 856"}])

    assert builder.push_tag(engine, "r.example/shop/web", "tag", {}) == DIGEST


def test_a_push_that_broke_on_its_way_is_tried_again(daemon: Server, engine: Engine) -> None:
    daemon.answers[PUSH] = [BROKEN, BROKEN, PUSHED]

    assert builder.push_tag(engine, "r.example/shop/web", "tag", {}) == DIGEST


@pytest.mark.parametrize(
    ("error", "tries"), [("connection reset by peer", builder.PUSH_TRIES), ("denied: no such repository", 1)]
)
def test_a_push_that_never_works_says_why(daemon: Server, engine: Engine, error: str, tries: int) -> None:
    daemon.answers[PUSH] = Answer(lines=[{"error": error}])

    with pytest.raises(RegistryError, match=f"Pushing r.example/shop/web:tag failed: {error}"):
        builder.push_tag(engine, "r.example/shop/web", "tag", {})

    assert len(daemon.requests) == tries
