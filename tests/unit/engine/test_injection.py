"""Puts the content of configs and secrets into created containers."""

import io
import tarfile
from collections.abc import Mapping
from typing import Any

import pytest

from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.injection import inject
from tagship.errors import CheckError
from tests.fakes.servers import Answer, Server

HOSTILE = "a$b $$ 'q' \"d\"\nüñí ⟦S⟧\n"


def container(state: str = "created") -> Container:
    """The container of `web`."""
    return Container("c1", "shop-web-1", "shop", "web", state, "", 0, {})


def put(
    daemon: Server, engine: Engine, service: Mapping[str, Any], **kinds: Mapping[str, Any]
) -> dict[str, tuple[tarfile.TarInfo, str]]:
    """What a container got: path → how, and what."""
    daemon.answers["PUT /containers/c1/archive"] = Answer()
    model = {"name": "shop", "services": {"web": service}, **kinds}
    inject(engine, model, [container()], {"DB": HOSTILE})
    (request,) = daemon.requests
    with tarfile.open(fileobj=io.BytesIO(request.body)) as archive:
        return {entry.name: (entry, archive.extractfile(entry).read().decode()) for entry in archive}  # type: ignore[union-attr]


def test_a_configs_dollars_are_what_the_file_said(daemon: Server, engine: Engine) -> None:
    said = HOSTILE.replace("$", "$$")  # as Compose writes them

    found = put(
        daemon,
        engine,
        {"configs": [{"source": "nginx", "target": "/etc/nginx.conf"}]},
        configs={"nginx": {"content": said}},
    )

    assert found["etc/nginx.conf"][1] == HOSTILE


def test_a_secret_is_what_the_environment_says_to_the_byte(daemon: Server, engine: Engine) -> None:
    found = put(daemon, engine, {"secrets": [{"source": "db"}]}, secrets={"db": {"environment": "DB"}})

    assert found["run/secrets/db"][1] == HOSTILE


@pytest.mark.parametrize(
    ("kind", "use", "path"),
    [
        ("secrets", {"source": "x"}, "run/secrets/x"),
        ("secrets", {"source": "x", "target": "y"}, "run/secrets/y"),
        ("secrets", {"source": "x", "target": "/etc/y"}, "etc/y"),
        ("configs", {"source": "x"}, "x"),
        ("configs", {"source": "x", "target": "/etc/y"}, "etc/y"),
    ],
)
def test_it_lands_where_compose_would_put_it(
    daemon: Server, engine: Engine, kind: str, use: Mapping[str, str], path: str
) -> None:
    assert list(put(daemon, engine, {kind: [use]}, **{kind: {"x": {"environment": "DB"}}})) == [path]


def test_everybody_in_the_container_may_read_it_unless_the_file_says_otherwise(daemon: Server, engine: Engine) -> None:
    uses = [{"source": "x"}, {"source": "x", "target": "y", "mode": "0400", "uid": "101", "gid": "102"}]

    found = put(daemon, engine, {"secrets": uses}, secrets={"x": {"environment": "DB"}})

    plain, strict = found["run/secrets/x"][0], found["run/secrets/y"][0]
    assert (oct(plain.mode), plain.uid, plain.gid) == ("0o444", 0, 0)
    assert (oct(strict.mode), strict.uid, strict.gid) == ("0o400", 101, 102)


@pytest.mark.parametrize(("state", "service"), [("exited", {"secrets": [{"source": "x"}]}), ("created", {})])
def test_what_ran_before_or_takes_nothing_is_left_alone(
    daemon: Server, engine: Engine, state: str, service: Mapping[str, Any]
) -> None:
    inject(engine, {"services": {"web": service}, "secrets": {"x": {"environment": "DB"}}}, [container(state)], {})

    assert daemon.requests == []


def test_a_file_system_that_refuses_it_is_told_with_a_way_out(daemon: Server, engine: Engine) -> None:
    daemon.answers["PUT /containers/c1/archive"] = Answer(400, {"message": "container rootfs is marked read-only"})
    model = {"services": {"web": {"configs": [{"source": "x"}]}}, "configs": {"x": {"content": ""}}}

    with pytest.raises(CheckError, match="rootfs is marked read-only") as caught:
        inject(engine, model, [container()], {})

    assert "environment variables" in caught.value.hint
