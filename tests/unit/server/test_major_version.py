"""Another major version of PostgreSQL is recognised."""

import tarfile

import pytest

from tagship.engine import archives
from tagship.engine.client import Engine
from tagship.errors import CheckError
from tagship.server import major_version
from tests.fakes.servers import Answer, Request, Server
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
        ("timescale/timescaledb:2.14.2-pg16", (), "16"),
        ("pgvector/pgvector:0.8.0-pg17-trixie", (), "17"),
        ("ghcr.io/x/postgres-anonymizer:1.3", (), ""),
        ("localhost:5000/bitnami/postgresql:16.2@sha256:1", (), "16"),
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


@pytest.mark.usefixtures("_data")
@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("postgres:latest", {"fromImage": "postgres", "tag": "latest"}),
        ("postgres@sha256:1", {"fromImage": "postgres", "tag": "sha256:1"}),
    ],
)
def test_an_image_whose_name_does_not_tell_is_pulled_before_it_is_compared(
    image: str, pulled: dict[str, str], engine: Engine, daemon: Server
) -> None:
    def pull(_: Request) -> Answer:
        daemon.answers[f"GET /images/{image}/json"] = Answer(body={"Config": {"Env": ["PG_MAJOR=18"]}})
        return Answer(lines=[{"status": "Pulled"}])

    daemon.answers["POST /images/create"] = pull

    with pytest.raises(CheckError, match=r"is PostgreSQL 18"):
        major_version.bring(engine, [container("db")], image, lambda _: {})

    (asked,) = daemon.asked("POST /images/create")
    assert asked.query == pulled
