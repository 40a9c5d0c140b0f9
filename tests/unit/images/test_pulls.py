"""Images on an engine, by digest, under whatever name."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.engine.client import Engine
from tagship.errors import EngineError, RegistryError
from tagship.images import pulls
from tests.fakes.links import Link
from tests.fakes.servers import Answer, Server

OURS = "localhost:20000/shop/web@sha256:1"


@pytest.fixture
def link(tmp_path: Path) -> Link:
    """An engine's, at the server's far end."""
    return Link(tmp_path / "docker.sock")


@pytest.fixture
def remote(daemon: Server, tmp_path: Path, link: Link) -> Iterator[Engine]:
    """An engine behind it that has nothing."""
    daemon.answers |= {"GET /images/json": Answer(body=[]), "POST /images/create": Answer(lines=[])}
    engine = Engine(tmp_path / "docker.sock", link)
    yield engine
    engine.close()


def signed_in(host: str) -> dict[str, str]:
    """Credentials of any registry."""
    return {"username": host}


def pulled(daemon: Server) -> list[str]:
    """What it was asked to pull."""
    asked = daemon.asked("POST /images/create")
    return [f"{request.query['fromImage']}@{request.query['tag']}" for request in asked]


def test_an_identity_token_goes_to_the_engine_as_such(daemon: Server, remote: Engine) -> None:
    given = {"identitytoken": "eyJ", "serveraddress": "r.example"}

    pulls.bring(remote, ["r.example/web@sha256:1"], lambda _: given)

    (request,) = daemon.asked("POST /images/create")
    assert json.loads(base64.urlsafe_b64decode(request.headers["X-Registry-Auth"])) == given


def test_what_is_there_is_not_pulled_whatever_it_is_called_there(daemon: Server, remote: Engine, link: Link) -> None:
    there = "localhost:43000/shop/web@sha256:1"
    daemon.answers["GET /images/json"] = Answer(body=[{"Id": "sha256:9", "RepoDigests": [there]}])

    assert pulls.bring(remote, [OURS], signed_in) == {OURS: there}

    assert pulled(daemon) == []
    assert link.lent == []


def test_a_registry_beside_us_is_pulled_from_by_the_port_it_has_on_the_server(
    daemon: Server, remote: Engine, link: Link
) -> None:
    assert pulls.bring(remote, [OURS], signed_in) == {OURS: "localhost:43121/shop/web@sha256:1"}

    assert pulled(daemon) == ["localhost:43121/shop/web@sha256:1"]
    assert link.lent == [20000]
    (request,) = daemon.asked("POST /images/create")
    assert json.loads(base64.urlsafe_b64decode(request.headers["X-Registry-Auth"])) == {"username": "localhost:20000"}


@pytest.mark.parametrize("image", ["r.example:5000/web@sha256:1", "localhost/web@sha256:1", "web@sha256:1"])
def test_any_other_registry_is_asked_as_it_is_called(daemon: Server, remote: Engine, link: Link, image: str) -> None:
    assert pulls.bring(remote, [image], signed_in) == {image: image}

    assert pulled(daemon) == [image]
    assert link.lent == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, {"message": "error unmarshalling content: invalid character '<'"}),
        Answer(lines=[{"error": "error unmarshalling content: invalid character '<'"}]),
    ],
)
def test_a_registry_that_answers_garbage_to_the_server_is_the_registrys_fault(
    daemon: Server, remote: Engine, answer: Answer
) -> None:
    daemon.answers["POST /images/create"] = answer

    with pytest.raises(RegistryError) as caught:
        pulls.bring(remote, ["r.example/shop/web@sha256:1"], signed_in)

    assert caught.value.problem == (
        "The server can't pull r.example/shop/web@sha256:1: error unmarshalling content: invalid character '<'."
    )
    assert "r.example" in caught.value.hint


@pytest.mark.parametrize("why", ["write /x: no space left on device", "failed to register layer: exit status 1"])
def test_an_image_that_the_engine_cannot_keep_is_not_the_registrys_fault(
    daemon: Server, remote: Engine, why: str
) -> None:
    daemon.answers["POST /images/create"] = Answer(lines=[{"error": why}])

    with pytest.raises(EngineError, match=why):
        pulls.bring(remote, ["r.example/shop/web@sha256:1"], signed_in)


def test_ids_are_there_or_nowhere(daemon: Server, remote: Engine) -> None:
    assert pulls.bring(remote, ["sha256:9"], signed_in) == {}
    assert daemon.requests == []


def test_images_without_a_repository_are_passed_over(daemon: Server, remote: Engine) -> None:
    daemon.answers["GET /images/json"] = Answer(body=[{"Id": "sha256:9", "RepoDigests": None}])

    assert pulls.known(remote, [OURS]) == {}
