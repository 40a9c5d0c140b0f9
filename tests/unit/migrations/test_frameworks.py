"""What migration commands say, and the one-off container they run in."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from tagship.migrations import frameworks as migrations
from tagship.migrations.frameworks import State
from tagship.release.model import Migrations, Shape

DJANGO = Migrations("web", "django", ("show",), ("apply",), "7s")
COMMAND = Migrations("web", "command", ("show",), ("apply",))
PLAN = """\
Loading settings … done
[X]  contenttypes.0001_initial
[X]  auth.0001_initial
[X]  contenttypes.0002_remove_name
[X]  auth.0002_alter (2 squashed migrations)
[ ]  shop.0001_initial
[ ]  auth.0003_more
"""
MODEL: dict[str, Any] = {
    "name": "shop-staging-aaaaaaaa-c0ffee",
    "services": {
        "web": {
            "image": "i",
            "depends_on": {"db": {}},
            "healthcheck": {},
            "restart": "always",
            "networks": {"default": None},
        },
        "worker": {"image": "i"},
    },
    "networks": {"default": {"name": "n", "external": True}},
    "secrets": {"s": {"environment": "S"}},
}


def test_django_says_what_is_pending_and_how_far_each_app_is() -> None:
    assert migrations.read(DJANGO, PLAN) == State(
        pending=("shop.0001_initial", "auth.0003_more"),
        leaves=("auth.0002_alter", "contenttypes.0002_remove_name"),
    )


@pytest.mark.parametrize("said", ["", "No migrations\n", "\n\n"])
def test_django_without_migrations_has_nothing_pending(said: str) -> None:
    assert migrations.read(DJANGO, said) == State(())


def test_any_other_command_says_one_pending_migration_a_line() -> None:
    assert migrations.read(COMMAND, "  001_first \n\n002 second\n") == State(("001_first", "002 second"))


def limited(environment: object, image: Mapping[str, str]) -> str:
    """The options that the one-off's connections get."""
    model = {"services": {"web": {"environment": environment}, "worker": {}}}
    found: str = migrations.limited(model, DJANGO, image)["services"]["web"]["environment"]["PGOPTIONS"]
    return found


@pytest.mark.parametrize("environment", [None, {}, {"PGOPTIONS": None}, {"PGOPTIONS": ""}])
def test_a_migration_that_waits_for_a_lock_gives_up_before_the_live_release_does(environment: object) -> None:
    assert limited(environment, {}) == "-c lock_timeout=7s"


def test_a_statement_timeout_is_set_only_where_one_is_given() -> None:
    how = dataclasses.replace(DJANGO, statement_timeout="15min")
    model: dict[str, Any] = {"services": {"web": {}}}

    found = migrations.limited(model, how, {})["services"]["web"]["environment"]["PGOPTIONS"]

    assert found == "-c lock_timeout=7s -c statement_timeout=15min"


@pytest.mark.parametrize(
    ("environment", "image", "options"),
    [
        ({"PGOPTIONS": "-c search_path=⟦SCHEMA⟧", "A": "x"}, {}, "-c search_path=⟦SCHEMA⟧"),
        ({"PGOPTIONS": "-c search_path=x"}, {"PGOPTIONS": "-c search_path=y"}, "-c search_path=x"),
        ({}, {"PGOPTIONS": "-c x=$y"}, "-c x=$$y"),
    ],
)
def test_the_connections_own_options_are_kept(environment: object, image: Mapping[str, str], options: str) -> None:
    assert limited(environment, image) == f"{options} -c lock_timeout=7s"


def test_the_one_off_is_the_service_alone_and_nobody_waits_for_its_health() -> None:
    one_off = migrations.one_off(MODEL, "web", "shop-staging", Shape(("web", "worker")))

    assert one_off["services"] == {"web": {"image": "i", "networks": {"default": None}}}
    assert one_off["networks"] == MODEL["networks"]
    assert one_off["secrets"] == MODEL["secrets"]


def test_the_one_off_reaches_the_accessories() -> None:
    one_off = migrations.one_off(MODEL, "web", "shop-staging", Shape(("web",), accessories=("db",)))

    assert one_off["services"]["web"]["networks"] == {"default": None, "environment": None}
    assert one_off["networks"]["environment"] == {"name": "shop-staging", "external": True}
    assert "environment" not in MODEL["networks"]
