"""Another major version of PostgreSQL is recognised."""

import tarfile

import pytest

from tagship.engine import archives
from tagship.engine.client import Engine
from tagship.errors import CheckError
from tagship.server import major_version
from tests.fakes.servers import Answer, Server
from tests.unit.engine.test_containers import container


@pytest.mark.parametrize(
    ("image", "variables", "major"),
    [
        ("postgres:17", (), "17"),
        ("postgis/postgis:15-3.4", (), "15"),
        ("ghcr.io/x/pgvector:pg16", (), "16"),
        ("timescale/timescaledb-ha:pg14.2", (), "14"),
        ("registry:5000/db@sha256:1", ("PG_MAJOR=16", "A=1"), "16"),
        ("postgres", (), ""),
        ("redis:7", (), ""),
    ],
)
def test_the_version_is_in_a_variable_or_in_the_tag(image: str, variables: tuple[str, ...], major: str) -> None:
    assert major_version.major(image, variables) == major


@pytest.fixture
def _data(daemon: Server) -> None:
    daemon.answers["GET /containers/db/json"] = Answer(body={"Config": {"Env": ["PGDATA=/data"]}})
    packed = archives.pack([(tarfile.TarInfo("PG_VERSION"), b"15\n")])
    daemon.answers["GET /containers/db/archive"] = Answer(body=packed)


@pytest.mark.usefixtures("_data")
def test_data_of_another_major_version_is_refused(engine: Engine) -> None:
    with pytest.raises(CheckError, match=r"has the data of PostgreSQL 15, but postgres:17 is PostgreSQL 17"):
        major_version.refuse_jump(engine, [container("db")], "postgres:17")


@pytest.mark.usefixtures("_data")
@pytest.mark.parametrize("image", ["postgres:15.9", "redis:7"])
def test_the_same_version_and_anything_else_pass(engine: Engine, image: str) -> None:
    major_version.refuse_jump(engine, [container("db")], image)


def test_a_container_without_data_passes(engine: Engine, daemon: Server) -> None:
    daemon.answers["GET /containers/db/json"] = Answer(body={"Config": {"Env": None}})

    major_version.refuse_jump(engine, [container("db")], "postgres:17")
