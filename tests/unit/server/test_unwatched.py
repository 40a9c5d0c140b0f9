"""Routed services without a healthcheck are refused."""

from typing import Any

import pytest

from tagship.engine.client import Engine
from tagship.errors import CheckError
from tagship.release.model import Route
from tagship.server import unwatched
from tagship.server.composer import Composer
from tests.fakes import servers
from tests.fakes.builders import WEB, rendered
from tests.fakes.servers import Answer

RELEASE = rendered("a")
CREATED = {
    "Id": "c1", "Names": ["/x"], "State": "created", "Status": "Created", "Created": 1,
    "Labels": {"com.docker.compose.project": RELEASE.name, "com.docker.compose.service": "web"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("check", "refused"),
    [({"Healthcheck": {"Test": ["CMD", "x"]}}, False), ({"Healthcheck": {"Test": ["NONE"]}}, True), ({}, True)],
)
def test_a_routed_service_that_nobody_can_tell_is_ready_is_refused(
    daemon: servers.Server, engine: Engine, check: dict[str, Any], *, refused: bool
) -> None:
    daemon.answers |= {
        "GET /containers/json": Answer(body=[CREATED]),
        "GET /containers/c1/json": Answer(body={"Config": check}),
    }

    if refused:
        with pytest.raises(CheckError, match="web has no healthcheck"):
            unwatched.refuse_containers(RELEASE, engine)
    else:
        unwatched.refuse_containers(RELEASE, engine)


def test_every_image_without_a_healthcheck_is_said_at_once(daemon: servers.Server, engine: Engine) -> None:
    both = rendered(services={"web": {"image": "a"}, "api": {"image": "b"}}, routes=(*WEB, Route("/api", "api", 1)))
    daemon.answers |= {
        "GET /images/a/json": Answer(body={"Config": {"Healthcheck": {"Test": ["NONE"]}}}),
        "GET /images/b/json": Answer(body={"Config": {}}),
        "GET /version": Answer(body={}),
    }

    composer = Composer(engine, {})
    composer.look(both)

    with pytest.raises(CheckError, match="api, web has no healthcheck"):
        unwatched.refuse_images(both, composer)
