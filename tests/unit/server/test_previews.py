"""Tests of what a preview must not share."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from tagship.deploy.previews import expired
from tagship.errors import ConfigError
from tagship.names import Place
from tagship.project.preview_settings import PreviewSettings
from tagship.project.schema import Environment
from tagship.server.previews import observe, refuse_foreign_database, refuse_shared

PREVIEW = Place("shop", "pr12")
FOLDER = {"type": "bind", "source": "/srv/shop", "target": "/data"}


@pytest.mark.parametrize(
    "model",
    [
        {"volumes": {"data": {"external": True}}},
        {"volumes": {"data": {"driver_opts": {"type": "none", "o": "bind", "device": "/srv/shop/db"}}}},
        {"volumes": {"data": {"driver_opts": {"type": "nfs", "o": "addr=192.0.2.1", "device": ":/db"}}}},
        {"services": {"db": {"volumes": [FOLDER]}}},
    ],
    ids=["external", "a folder", "NFS", "a mount"],
)
def test_data_that_is_not_a_previews_own_is_refused(model: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="so shop-pr12 would share it"):
        refuse_shared(PREVIEW, model)


def test_named_volumes_and_folders_that_are_only_read_are_let_through() -> None:
    mounts = [{"type": "volume", "source": "data", "target": "/data"}, {**FOLDER, "read_only": True}]

    refuse_shared(PREVIEW, {"volumes": {"data": None}, "services": {"db": {"volumes": mounts}, "web": {}}})


@pytest.mark.parametrize(
    ("image", "migrations", "own", "refused"),
    [
        ("registry.example/base/redis:7@sha256:1", True, None, True),
        ("", True, None, True),
        ("postgis/postgis:16-3.4", True, None, False),
        ("registry.example/our-database", True, None, False),
        ("redis", False, None, False),
        ("redis", True, (".env.preview",), False),
    ],
)
def test_only_an_accessory_that_may_be_a_database_counts_as_a_previews_own(
    image: str, own: tuple[str, ...] | None, *, migrations: bool, refused: bool
) -> None:
    release: dict[str, Any] = {"accessories": ["db"] if image else []}
    if migrations:
        release["migrations"] = {"service": "web", "framework": "django"}
    settings = Environment.model_validate(
        {"name": "pr12", "app": "shop", "engine": "local", "url": "http://x.example", "release": release}
    )
    kept = PreviewSettings(like="staging", url="http://pr-{number}.example.com", variables=own)

    with pytest.raises(ConfigError, match="would migrate a database that it shares") if refused else nullcontext():
        refuse_foreign_database(settings, kept, {"services": {"db": {"image": image}, "web": {}}})


def test_sqlite_in_a_volume_is_a_previews_own_database() -> None:
    release = {"migrations": {"service": "web", "framework": "django"}}
    settings = Environment.model_validate(
        {"name": "pr12", "app": "shop", "engine": "local", "url": "http://x.example", "release": release}
    )
    kept = PreviewSettings(like="staging", url="http://pr-{number}.example.com")
    volume = {"type": "volume", "source": "data", "target": "/data"}
    web = {"environment": {"DATABASE_URL": "sqlite:////data/shop.db"}, "volumes": [volume]}

    refuse_foreign_database(settings, kept, {"services": {"web": web}})


def test_without_the_edge_nobody_knows_when_a_preview_was_deployed() -> None:
    old = {"Created": 1, "Labels": {"tagship.app": "shop", "tagship.environment": "pr3"}}
    engine = SimpleNamespace(
        get=lambda path, **_: [old] if path.startswith("/containers") else {} if "vol" in path else []
    )
    session: Any = SimpleNamespace(engine=engine, place=Place("shop", "staging"), files=lambda: nullcontext(None))

    found = observe(session)

    assert [each.number for each in found] == [3]
    assert expired(found, ttl=1, now=10) == []
