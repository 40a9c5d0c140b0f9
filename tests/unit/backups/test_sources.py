"""What a backup consists of is looked for before its long dump begins."""

import pytest

from tagship.backups import sources
from tagship.engine.client import Engine
from tagship.errors import BackupError
from tagship.names import Place
from tests.fakes.servers import Answer, Server

PLACE = Place("shop", "production")
CONTAINER = {
    "Id": "c1", "Names": ["/shop-production-accessories-cache-1"], "State": "running", "Status": "Up", "Created": 1,
    "Labels": {
        "com.docker.compose.project": "shop-production-accessories", "com.docker.compose.service": "cache",
        "tagship.app": "shop", "tagship.environment": "production",
    },
    "NetworkSettings": {"Networks": {}},
}  # fmt: skip


@pytest.fixture
def server(daemon: Server) -> Server:
    """An engine with one accessory, and volumes of two apps."""
    daemon.answers["GET /containers/json"] = Answer(body=[CONTAINER])
    names = ("shop-production_media", "other-production_medya")
    daemon.answers["GET /volumes"] = Answer(body={"Volumes": [{"Name": name, "Driver": "local"} for name in names]})
    return daemon


def test_a_name_that_is_not_there_is_refused_with_those_that_are(server: Server, engine: Engine) -> None:
    assert server
    with pytest.raises(BackupError) as caught:
        sources.refuse_missing(engine, PLACE, ["cahce", "cache"], ["medya", "media"])

    assert caught.value.problem.splitlines() == [
        "backups.redis: no accessory cahce runs; there is cache.",
        "backups.volumes: the server has no volume shop-production_medya; there is media.",
    ]


def test_what_is_there_passes_and_what_is_not_configured_is_not_asked_for(server: Server, engine: Engine) -> None:
    sources.refuse_missing(engine, PLACE, ["cache"], ["media"])
    before = len(server.requests)

    sources.refuse_missing(engine, PLACE, [], [])

    assert len(server.requests) == before
