"""One environment's routes in what an edge serves."""

from typing import Any

import pytest

from tagship.edge import routes, sites
from tagship.names import Place
from tagship.project.maintenance_settings import MaintenanceSettings
from tagship.release.model import Served
from tests.fakes.builders import PLACE, WEB

OTHER = {"@id": "blog-staging", "match": [{"host": ["blog.example.com"]}], "handle": [], "terminal": True}
SHOP = "http://shop.example.com"
LIVE = Served(WEB)


def site(*urls: str) -> routes.Site:
    """The environment's routes at these URLs."""
    return routes.site(PLACE, urls, LIVE, LIVE)


def edge(http: list[Any] | None = None, https: list[Any] | None = None) -> dict[str, Any]:
    """A new edge's configuration, with these routes."""
    application: dict[str, Any] = routes.server_config(80, 443, "acme")["apps"]["http"]
    for server, ours in (("http", http), ("https", https)):
        application["servers"][server]["routes"][1:1] = ours or []
    return application


def hosts(application: dict[str, Any], server: str = "http") -> list[str]:
    """The hosts that a server's routes match, in order."""
    matches = [m for route in application["servers"][server]["routes"] for m in route.get("match") or ()]
    return [host for match in matches for host in match.get("host") or ()]


def older(url: str = "https://shop.example.com") -> dict[str, Any]:
    """What version 0.1 wrote: no answer for other hosts, a redirect named otherwise."""
    application = edge()
    ours = site(url)
    redirect = {**ours["http"][0], "@id": "shop-staging-redirect"}
    application["servers"]["http"]["routes"] = [OTHER, redirect]
    application["servers"]["https"]["routes"] = list(ours["https"])
    return application


def test_first_routes_join_the_others_and_stand_then() -> None:
    before = edge(http=[OTHER])

    after = sites.installed(before, PLACE, site(SHOP))

    assert hosts(after) == ["blog.example.com", "shop.example.com"]
    assert not sites.stand(before, PLACE, site(SHOP))
    assert sites.stand(after, PLACE, site(SHOP))
    assert {name: value for name, value in after.items() if name != "servers"} == {
        name: value for name, value in before.items() if name != "servers"
    }


def test_another_url_replaces_the_one_before_on_whatever_server_it_was() -> None:
    before = sites.installed(edge(http=[OTHER]), PLACE, site(SHOP))

    after = sites.installed(before, PLACE, site("https://other.example.com"))

    assert hosts(after, "https") == ["other.example.com"]
    assert hosts(after) == ["blog.example.com", "other.example.com"]


def test_installing_twice_changes_nothing() -> None:
    once = sites.installed(edge(http=[OTHER]), PLACE, site(SHOP))
    behind = sites.installed(
        once, Place("wiki", "staging"), routes.site(Place("wiki", "staging"), ["http://w"], LIVE, LIVE)
    )

    assert sites.installed(behind, PLACE, site(SHOP)) == behind


def test_what_an_older_version_wrote_is_known_and_replaced() -> None:
    assert sites.addresses(older(), PLACE) == ("https://shop.example.com",)
    assert not sites.stand(older(), PLACE, site("https://shop.example.com"))

    after = sites.installed(older(), PLACE, site("https://shop.example.com"))

    assert [route["@id"] for route in after["servers"]["http"]["routes"]] == [
        "tagship:connections:http",
        "blog-staging",
        "shop-staging:redirect:shop.example.com",
        "tagship:nobody:http",
    ]
    assert sites.stand(after, PLACE, site("https://shop.example.com"))


def test_an_environment_called_redirect_is_not_another_ones_redirect() -> None:
    place = Place("shop-staging", "redirect")
    theirs = routes.site(place, ["http://r.example.com"], LIVE, LIVE)

    after = sites.installed(sites.installed(edge(), place, theirs), PLACE, site(SHOP))

    assert hosts(after) == ["r.example.com", "shop.example.com"]
    assert sites.stand(after, place, theirs)


def test_where_an_environment_is_served_is_told_with_its_own_url_first_and_the_port() -> None:
    served = sites.installed(edge(), PLACE, site("https://shop.example.com:8443", "http://old.example.com"))

    assert sites.addresses(served, PLACE) == ("https://shop.example.com:8443", "http://old.example.com")
    assert sites.addresses(edge(http=[OTHER]), PLACE) == ()


@pytest.mark.parametrize("configuration", [{}, edge(), edge(http=[OTHER])])
def test_an_edge_that_lost_its_routes_is_noticed(configuration: dict[str, Any]) -> None:
    assert not sites.stand(configuration, PLACE, site(SHOP))


def test_a_host_that_somebody_else_has_is_taken_and_ones_own_is_not() -> None:
    there = sites.installed(edge(http=[OTHER]), PLACE, site("https://shop.example.com"))

    assert sites.taken(there, PLACE, site("http://blog.example.com")) == ("blog-staging", "blog.example.com")
    assert sites.taken(there, PLACE, site("http://shop.example.com")) is None


def test_a_server_that_is_not_there_is_only_missed_by_more_than_redirects() -> None:
    secure = routes.server_config(0, 443, "acme")["apps"]["http"]

    assert sites.lacking(secure, site("https://shop.example.com")) == ""
    assert sites.lacking(secure, site(SHOP)) == "http"
    installed = sites.installed(secure, PLACE, site("https://shop.example.com"))
    assert sites.stand(installed, PLACE, site("https://shop.example.com"))


def test_only_an_edge_that_says_of_connections_whether_they_are_kept_can_announce_a_change() -> None:
    assert sites.announces(edge(http=[OTHER]))
    assert not sites.announces(older())


def test_an_edge_that_serves_nobody_yet_has_nobody_to_announce_a_change_to() -> None:
    assert not sites.announces(edge())


def test_urls_are_the_same_when_scheme_and_host_are() -> None:
    assert sites.same("http://shop.example.com", "http://Shop.example.com:8080/")
    assert not sites.same("http://shop.example.com", "https://shop.example.com")


def test_a_held_site_answers_for_maintenance_at_its_hosts_and_keeps_its_redirects() -> None:
    before = sites.installed(edge(http=[OTHER]), PLACE, site("https://shop.example.com"))

    held = sites.installed(before, PLACE, sites.held(sites.served(before, PLACE)))

    assert sites.is_held(held, PLACE)
    assert not sites.is_held(before, PLACE)
    assert sites.addresses(held, PLACE) == sites.addresses(before, PLACE)
    assert sites.installed(held, PLACE, sites.served(before, PLACE)) == before
    assert not sites.stand(held, PLACE, site("https://shop.example.com"))


def test_routes_that_an_older_version_wrote_get_a_canary_with_one_change() -> None:
    new = site(SHOP)
    (route,) = new["http"]
    draw, releases = route["handle"]
    candidate, *others = releases["routes"]
    before = {**candidate, "match": candidate["match"][:-1]}
    old = {"http": [{**route, "handle": [{**releases, "routes": [before, *others]}]}]}
    http = sites.installed(edge(http=[OTHER]), PLACE, old)

    assert draw["handler"] == "subroute"
    assert not sites.stand(http, PLACE, new)
    assert sites.announces(http)
    assert sites.served(sites.installed(http, PLACE, new), PLACE) == new


def test_older_routes_get_the_switch_that_new_ones_have_and_a_held_site_none() -> None:
    settings = MaintenanceSettings()
    urls = ["https://shop.example.com"]
    old, new = site(*urls), routes.site(PLACE, urls, LIVE, LIVE, maintenance=settings)

    assert sites.switchable(old, PLACE, settings) == sites.switchable(new, PLACE, settings) == new
    assert sites.has_switch(sites.installed(edge(), PLACE, new), PLACE)
    assert not sites.has_switch(sites.installed(edge(), PLACE, old), PLACE)
    assert sites.switchable(sites.held(old), PLACE, settings) == sites.held(old)
    assert not sites.has_switch(edge(), PLACE)


def test_a_redirected_host_is_none_of_the_addresses_and_goes_with_the_environments_routes() -> None:
    moved = {"www.shop.example.com": "https://shop.example.com"}
    wanted = routes.site(PLACE, ["https://shop.example.com"], LIVE, LIVE, moved=moved)

    there = sites.installed(edge(), PLACE, wanted)

    assert sites.addresses(there, PLACE) == ("https://shop.example.com",)
    assert sites.held(sites.served(there, PLACE))["http"] == wanted["http"]
    assert "www.shop.example.com" not in hosts(sites.installed(there, PLACE, {}), "https")


def test_a_proxy_before_the_edge_is_believed_beside_those_that_others_named() -> None:
    once = sites.installed(edge(), PLACE, site(SHOP), ["10.0.0.2"])
    twice = sites.installed(once, Place("wiki", "staging"), {}, ["10.0.0.1"])

    assert twice["servers"]["http"]["trusted_proxies"]["ranges"] == ["10.0.0.1", "10.0.0.2"]
    assert twice["servers"]["http"]["trusted_proxies_strict"] == 1
    assert sites.stand(twice, PLACE, site(SHOP), ["10.0.0.2"])
    assert not sites.stand(edge(), PLACE, site(SHOP), ["10.0.0.2"])
