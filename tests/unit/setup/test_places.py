"""What each service of a Compose file is taken for."""

from typing import Any

import pytest

from tagship.setup import dockerfile, known
from tagship.setup.places import Places, place

BUILT = dockerfile.parse("FROM python:3.12\nCMD x\n")


def placed(**services: dict[str, Any]) -> Places:
    """Where they go; those with `build` are built from the same Dockerfile."""
    return place(services, {name: BUILT for name, settings in services.items() if settings.get("build")})


@pytest.mark.parametrize(
    "image",
    ["postgres:16", "postgis/postgis", "ghcr.io/x/redis:7", "${DB_IMAGE:-mariadb:11}", "valkey/valkey:8", "rabbitmq:3"],
)
def test_a_known_store_is_an_accessory_whatever_its_service_is_called(image: str) -> None:
    assert placed(thing={"image": image}, web={"build": "."}).accessories == ["thing"]


def test_what_is_only_for_development_or_done_by_the_edge_is_left_out() -> None:
    found = placed(web={"build": "."}, mail={"image": "mailhog/mailhog"}, proxy={"image": "traefik:3"})

    assert (found.services, found.unplaced) == (["web"], ["mail", "proxy"])


def test_an_unknown_image_is_replaced_by_each_deploy_unless_it_keeps_data() -> None:
    volume = [{"type": "volume", "source": "data", "target": "/data"}]
    found = placed(plain={"image": "acme/thing"}, keeps={"image": "acme/keeps", "volumes": volume})

    assert (found.services, found.accessories) == (["plain"], ["keeps"])
    assert len(found.guesses) == 2


def test_the_only_published_port_gets_every_path() -> None:
    assert placed(web={"build": ".", "ports": ["${PORT:-80}:8000", "53:53/udp"]}).routes == {"/*": ("web", 8000)}


def test_a_frontend_gets_every_path_but_the_backends() -> None:
    found = placed(
        backend={"build": ".", "ports": ["8000:8000"]},
        frontend={"build": ".", "ports": [{"target": 3000, "published": "3000"}]},
    )

    assert found.routes == {"/api/*": ("backend", 8000), "/*": ("frontend", 3000)}
    assert "only you know" in found.guesses[-1]


def test_a_worker_alone_has_no_route() -> None:
    assert placed(worker={"build": "."}).routes == {}


def test_a_scheduler_never_runs_twice() -> None:
    assert placed(beat={"build": ".", "command": "celery -A shop beat"}).singletons == ["beat"]


@pytest.mark.parametrize("command", ["rails s -b 0.0.0.0", "gunicorn -b :8000 shop.clock"])
def test_a_server_that_is_told_where_to_listen_is_no_scheduler(command: str) -> None:
    assert placed(web={"build": ".", "command": command, "ports": ["80:8000"]}).singletons == []


@pytest.mark.parametrize("environment", [{"DATABASE_URL": "sqlite:////data/db"}, ["DB=/data/app.sqlite3"]])
def test_what_keeps_sqlite_in_a_volume_never_runs_twice(environment: object) -> None:
    web = {
        "build": ".",
        "ports": ["80:80"],
        "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
        "environment": environment,
    }

    assert placed(web=web).singletons == ["web"]
    assert placed(web=web | {"volumes": []}).singletons == []
    assert placed(web=web | {"environment": {"DATABASE_URL": "postgres://db"}}).singletons == []


def test_services_of_profiles_are_nowhere() -> None:
    found = placed(web={"build": "."}, tool={"image": "x", "profiles": ["tools"]})

    assert found.services == ["web"]
    assert found.accessories == found.unplaced == []


def test_an_images_name_is_read_without_registry_tag_and_digest() -> None:
    assert known.short("registry.example.com:5000/x/Postgres:16@sha256:abc") == "postgres"
