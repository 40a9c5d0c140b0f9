"""The volumes of an environment: created as the Compose file says, and compared with existing ones."""

from collections.abc import Mapping

import pytest

from tagship.engine import volumes
from tagship.engine.client import Engine
from tagship.engine.volumes import Standing
from tagship.release.model import Volume
from tagship.secret import Secret
from tests.fakes.servers import Answer, Server

NFS = Volume("shop-staging_media", "local", {"type": "nfs", "o": "addr=⟦HOST⟧,pw=a$$b"}, {"team": "x"})
SECRETS = {"HOST": Secret("10.0.0.1")}
STANDS = Standing("local", {"type": "nfs", "o": "addr=10.0.0.1,pw=a$b"})


def test_a_volume_is_made_with_its_driver_options_and_labels(daemon: Server, engine: Engine) -> None:
    daemon.answers["POST /volumes/create"] = Answer()
    volumes.ensure(engine, [NFS, Volume("plain")], {"tagship.app": "shop"}, SECRETS)

    first, second = (request.json() for request in daemon.requests)
    assert first == {
        "Name": "shop-staging_media",
        "Driver": "local",
        "DriverOpts": {"type": "nfs", "o": "addr=10.0.0.1,pw=a$b"},
        "Labels": {"team": "x", "tagship.app": "shop"},
    }
    assert (second["Driver"], second["DriverOpts"]) == ("local", {})


def test_those_that_stand_are_read_as_the_engine_has_them(daemon: Server, engine: Engine) -> None:
    listed = [
        {"Name": "a", "Driver": "local", "Options": None},
        {"Name": "b", "Driver": "rexray", "Options": {"size": "1"}},
    ]
    daemon.answers["GET /volumes"] = Answer(body={"Volumes": listed})

    assert volumes.existing(engine) == {"a": Standing(), "b": Standing("rexray", {"size": "1"})}


@pytest.mark.parametrize(
    ("stands", "differing"),
    [
        (STANDS, ""),
        (Standing(), "driver_opts.o, driver_opts.type"),
        (Standing("rexray", STANDS.options), "driver"),
        (Standing("local", {**STANDS.options, "device": ":/x"}), "driver_opts.device"),
    ],
)
def test_a_volume_that_stands_with_other_options_is_a_finding_that_shows_no_value(
    stands: Standing, differing: str
) -> None:
    found = list(volumes.findings([NFS], [], {NFS.name: stands}, SECRETS))

    assert len(found) == bool(differing)
    for line in found:
        assert f"has another {differing} than" in line
        assert "10.0.0.1" not in line


@pytest.mark.parametrize(("there", "count"), [({}, 1), ({"nfs": Standing()}, 0)])
def test_an_external_volume_that_is_not_there_is_a_finding(there: Mapping[str, Standing], count: int) -> None:
    found = list(volumes.findings([Volume("shop-staging_media")], ["nfs"], there, {}))

    assert ["no volume nfs" in line for line in found] == [True] * count
