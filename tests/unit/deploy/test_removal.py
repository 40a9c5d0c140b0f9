"""How an application goes from a server whole."""

from dataclasses import replace

from tagship.deploy.removal import (
    Clear,
    Discard,
    Disconnect,
    Erase,
    Forget,
    Picture,
    Remains,
    Thing,
    Unserve,
    findings,
    left,
    plan_removal,
    unneeded,
)

ACCESSORIES = "shop-staging-accessories"
LIVE, OLD = "shop-staging-bbbbbbbb-000000", "shop-staging-aaaaaaaa-000000"
DB = Thing("1", "db-1", ACCESSORIES, running=True, image="postgres", volumes=("shop-staging_data",))
WEB = Thing("2", "web-1", LIVE, running=True, image="new")
WAS = Thing("3", "web-0", OLD, image="old")
IMAGES = (
    Picture("new", ("r.example/web@sha256:b",)),
    Picture("old", ("r.example/web@sha256:a",)),
    Picture("former", ("r.example/web@sha256:9",)),
    Picture("postgres", ("postgres:16",)),
    Picture("other", ("r.example/blog@sha256:c",)),
)
FOUND = Remains(
    "shop-staging",
    ACCESSORIES,
    urls=("http://shop.example",),
    containers=(DB, WEB, WAS),
    networks={"shop-staging": "n1", LIVE: "n2"},
    volumes=("shop-staging_data",),
    images=IMAGES,
    released=frozenset({"sha256:b", "sha256:9"}),
    records=True,
)


def test_is_no_longer_served_before_it_stops_and_is_forgotten_last() -> None:
    assert plan_removal(FOUND, volumes=False) == (
        Unserve(("http://shop.example",)),
        Clear(LIVE, (WEB,), anonymous=True),
        Clear(OLD, (WAS,), anonymous=True),
        Clear(ACCESSORIES, (DB,), anonymous=False),
        Disconnect(FOUND.networks),
        Discard(IMAGES[:3]),
        Forget("shop-staging"),
    )


def test_containers_of_no_project_are_named() -> None:
    one_off = Thing("4", "shop-staging-guard", "")

    assert str(Clear("", (one_off,), anonymous=True)) == "Stop and remove shop-staging-guard (1 container)"


def test_its_data_goes_only_when_that_is_asked_for() -> None:
    assert Erase(("shop-staging_data",)) in plan_removal(FOUND, volumes=True)
    assert list(left(FOUND, volumes=False)) == ["Its volumes stay, with their data: shop-staging_data."]
    assert list(left(FOUND, volumes=True)) == []


def test_volumes_and_images_that_others_use_stay() -> None:
    shared = replace(FOUND, elsewhere=frozenset({"shop-staging_data", "new"}))

    steps = plan_removal(shared, volumes=True)

    assert not any(isinstance(step, Erase) for step in steps)
    assert Discard(IMAGES[1:3]) in steps
    assert list(left(shared, volumes=True)) == ["Volumes that other containers use stay: shop-staging_data."]


def test_where_nothing_is_left_there_is_nothing_to_do() -> None:
    assert plan_removal(Remains("shop-staging", ACCESSORIES, images=IMAGES), volumes=True) == ()


def test_is_not_removed_while_a_migration_runs_or_another_container_uses_its_network() -> None:
    migrating = Thing("4", "web-run-1", LIVE, running=True, one_off=True)

    assert list(findings(replace(FOUND, containers=(migrating,), guests={"psql": "shop-staging"}))) == [
        "web-run-1 still runs a single command, such as a migration, that must not be cut off.",
        "psql isn't part of it, but is connected to its network shop-staging.",
    ]
    assert list(findings(FOUND)) == []


def test_an_image_is_called_by_its_shortest_name() -> None:
    assert Picture("x", (f"r.example/web@sha256:{'a' * 64}",)).shown == "r.example/web@aaaaaaaaaaaa"
    assert Picture("x", ("web:1", f"r.example/web@sha256:{'a' * 64}")).shown == "web:1"
    assert Picture("x", ()).shown == "x"


def test_an_image_is_unneeded_when_no_kept_release_runs_it() -> None:
    assert unneeded(FOUND, keep={LIVE, ACCESSORIES}) == IMAGES[1:3]
