"""Values that validate themselves."""

import pytest

from tagship.errors import ConfigError, SourceError
from tagship.names import Place, Version
from tagship.release.model import Route, Served, served
from tests.fakes.builders import PLACE, WEB, rendered, sha

NAMES = ["", "Shop", "-shop", "shop-", "shop_1", "shop.1", "shop/x", "$(id)", "--help", "shop\n", "шоп", "a b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_place_refuses_names_that_are_no_slugs(name: str) -> None:
    with pytest.raises(ConfigError, match="can't name an app or an environment"):
        Place(name, "staging")
    with pytest.raises(ConfigError, match="can't name an app or an environment"):
        Place("shop", name)


@pytest.mark.parametrize(
    "tag", ["", "--foo", "HEAD", sha("a")[:39], sha("A"), sha("a") + "\n", sha("g"), sha("a") + "-dirty"]
)
def test_a_version_is_a_whole_sha_or_nothing(tag: str) -> None:
    with pytest.raises(SourceError, match="is not a full 40-hex commit SHA"):
        Version(tag)


def test_a_dirty_tree_has_a_tag_of_its_own_and_its_commits_sha() -> None:
    version = Version(sha("a") + "-dirty-0123abcd")

    assert (version.sha, version.short, version.dirty) == (sha("a"), "aaaaaaaa", True)
    assert not Version(sha("a")).dirty


def test_a_place_knows_its_own_releases() -> None:
    name = PLACE.release_name(Version(sha("a")), "0123456789")

    assert name == "shop-staging-aaaaaaaa-012345"
    assert PLACE.owns(name)


@pytest.mark.parametrize(
    "project",
    [
        "shop-staging-eu-aaaaaaaa-012345",
        "other-shop-staging-aaaaaaaa-012345",
        "shop-staging-accessories",
        "shop-staging",
        "shop-staging-aaaaaaaa-012345-x",
        "",
    ],
)
def test_a_place_owns_nothing_of_a_neighbour_with_a_similar_name(project: str) -> None:
    assert not PLACE.owns(project)


def test_a_route_is_read_from_service_and_port() -> None:
    assert Route.parse("/api/*", "back-end:8000") == Route("/api/*", "back-end", 8000)


@pytest.mark.parametrize("target", ["web", "web:", "web:http", "web:0", "web:65536", "web:-1", "web:8000/x", ""])
def test_a_route_without_a_real_port_is_refused(target: str) -> None:
    with pytest.raises(ConfigError, match="SERVICE:PORT"):
        Route.parse("/*", target)


def test_services_are_ordered_by_what_they_wait_for_and_then_by_name() -> None:
    release = rendered(
        "a", {"web": {"depends_on": {"job": {}}}, "job": {"depends_on": {"api": {}}}, "api": {}, "a": {}}
    )

    assert release.order == ("a", "api", "job", "web")
    assert release.routed == ("api", "job", "web")


@pytest.mark.parametrize(
    ("settings", "count"),
    [({}, 1), ({"scale": 2}, 2), ({"deploy": {"replicas": 3}}, 3), ({"deploy": {}}, 1), ({"deploy": None}, 1)],
)
def test_replicas_are_counted_as_compose_makes_them(settings: dict[str, object], count: int) -> None:
    assert rendered("a", {"web": settings}).replicas("web") == count


def test_what_is_served_differs_only_where_the_edge_would_see_it() -> None:
    assert served(WEB, {"web": 1, "worker": 9}) == served(WEB, {}) == Served(WEB)
    assert served(WEB, {"web": 2}) == Served(WEB, (("web", 2),)) == rendered("a", {"web": {"scale": 2}}).served


def test_a_service_that_another_waits_for_to_end_is_a_one_shot() -> None:
    waits = {"assets": {"condition": "service_completed_successfully"}, "db": {"condition": "service_healthy"}}
    release = rendered("a", {"web": {"depends_on": waits}, "assets": {}, "db": {}})

    assert [service for service in release.order if release.ends(service)] == ["assets"]


def test_a_route_without_a_slash_would_match_nothing_and_is_refused() -> None:
    with pytest.raises(ConfigError, match="'api/\\*' doesn't begin with a slash"):
        Route.parse("api/*", "web:8000")


def test_a_slash_behind_the_port_takes_the_beginning_off_the_path() -> None:
    assert Route.parse("/shop/*", "web:8000/") == Route("/shop/*", "web", 8000, strip="/shop")
    assert Route.parse("/*", "web:8000/") == Route("/*", "web", 8000)

    with pytest.raises(ConfigError, match="no beginning to strip"):
        Route.parse("/shop", "web:8000/")
