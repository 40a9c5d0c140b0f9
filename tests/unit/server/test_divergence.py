"""Differences between an accessory's container and the Compose file."""

from collections.abc import Mapping
from typing import Any

import pytest

from tagship.release import markers, render
from tagship.secret import Secret
from tagship.server import divergence
from tests.fakes.builders import PLACE

DB = {
    "image": "postgres:16",
    "command": ["postgres", "-c", "x=$$1"],
    "environment": {"PASSWORD": "⟦DB⟧", "MODE": "a$$b"},
    "volumes": [{"type": "volume", "source": "pg", "target": "/data"}],
    "configs": [{"source": "conf", "target": "/conf"}],
    "networks": {"default": None},
}
SECRETS = {"DB": Secret("hunter2"), "OTHER": Secret("x")}


def project(conf: str = "fine", **changed: object) -> dict[str, Any]:
    """The accessories of an environment whose `db` is as said."""
    resolved = {
        "services": {"db": {k: v for k, v in {**DB, **changed}.items() if v is not None}},
        "volumes": {"pg": {}, "other": {}},
        "configs": {"conf": {"content": conf}},
    }
    return divergence.describe(render.render_accessories(PLACE, resolved, {}))


def made(model: Mapping[str, Any], secrets: Mapping[str, Secret] = SECRETS, *, label: bool = True) -> dict[str, Any]:
    """The container that Compose made of it, as the engine inspects it."""
    service = markers.fill(model, secrets)["services"]["db"]
    labels = dict(service["labels"]) if label else {"tagship.app": "shop"}
    return {
        "Config": {
            "Image": service["image"],
            "Cmd": [word.replace("$$", "$") for word in service.get("command") or ()] or ["postgres"],
            "Entrypoint": ["entry"],
            "Env": ["PATH=/bin", *(f"{k}={v.replace('$$', '$')}" for k, v in service["environment"].items())],
            "Labels": labels,
        },
        "Mounts": [
            {"Destination": mount["target"], "Name": model["volumes"][mount["source"]]["name"]}
            for mount in service["volumes"]
        ],
    }


def told(model: Mapping[str, Any], container: Mapping[str, Any], secrets: Mapping[str, Secret] = SECRETS) -> list[str]:
    """What differs."""
    return list(divergence.differences("db", model, markers.fill(model, secrets), container))


def test_a_project_without_services_has_nothing_to_describe() -> None:
    assert divergence.describe(render.render_accessories(PLACE, {"services": {}}, {})) == {
        "name": "shop-staging-accessories", "networks": {"default": {"name": "shop-staging", "external": True}},
        "services": {},
    }  # fmt: skip


@pytest.mark.parametrize("label", [True, False])
def test_what_was_made_of_the_same_file_does_not_differ(*, label: bool) -> None:
    assert told(project(), made(project(), label=label)) == []


@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image": "postgres:17"}, ["image postgres:16 → postgres:17"]),
        ({"command": ["postgres"]}, ["command"]),
        ({"environment": {"PASSWORD": "⟦DB⟧", "MODE": "b", "NEW": "1"}}, ["environment (MODE, NEW)"]),
        ({"volumes": [{"type": "volume", "source": "other", "target": "/data"}]}, ["volumes"]),
    ],
)
def test_what_a_file_changed_is_named(changed: dict[str, Any], said: list[str], *, label: bool) -> None:
    assert told(project(**changed), made(project(), label=label)) == said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shm_size": "1g"}, ["shm_size"]),
        ({"healthcheck": {"test": ["CMD", "x"]}}, ["healthcheck"]),
        ({"conf": "other"}, ["configs"]),
        ({"command": None}, ["command"]),
        ({"environment": {"PASSWORD": "⟦DB⟧"}}, ["environment"]),
        ({"labels": {"team": "x"}}, ["labels"]),
    ],
)
def test_what_the_engine_does_not_show_is_told_by_the_label(changed: dict[str, Any], said: list[str]) -> None:
    assert told(project(**changed), made(project())) == said


def test_a_rotated_secret_differs_and_is_not_shown() -> None:
    container = made(project(), {**SECRETS, "DB": Secret("old-one")})

    assert told(project(), container) == ["environment (PASSWORD)"]
    assert "hunter2" not in str(made(project())["Config"]["Labels"])


def test_the_order_of_starting_is_no_difference() -> None:
    assert told(project(depends_on={"x": {}}), made(project())) == []
