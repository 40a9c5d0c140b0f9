"""The edge's configuration."""

import json
from typing import Any

import pytest

from tagship.edge import canary, routes
from tagship.project.maintenance_settings import MaintenanceSettings
from tagship.release.model import Route, Served
from tests.fakes.builders import PLACE, WEB

URL = "https://shop.example.com"
POOL = "{file./tagship/shop-staging/pool}"
BOTH = (Route("/api/*", "api", 8000), *WEB)


def site(*urls: str, live: tuple[Route, ...] = WEB, **replicas: int) -> routes.Site:
    """One environment's routes on each server, the candidate's other than everyone's."""
    return routes.site(PLACE, urls or (URL,), Served(BOTH), Served(live, tuple(replicas.items())))


def served(url: str = URL, live: tuple[Route, ...] = WEB, **replicas: int) -> dict[str, Any]:
    """The routes at its URL."""
    (route,) = site(url, live=live, **replicas)[url.partition(":")[0]]
    return route


def proxies(branch: dict[str, Any]) -> dict[str, list[str]]:
    """Path → what is dialled, in order, of the candidate's branch or everyone's."""
    handler = branch["handle"][-1]
    return {
        route["match"][0]["path"][0]: [upstream["dial"] for upstream in route["handle"][0]["upstreams"]]
        for route in handler["routes"]
        if "match" in route
    }


def branches(route: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The candidate's and everyone's."""
    candidate, everyone = route["handle"][-1]["routes"]
    return candidate, everyone


def test_which_release_answers_stands_in_a_file_and_not_in_the_configuration() -> None:
    candidate, everyone = branches(served())

    assert proxies(everyone) == {"/*": [f"{{file./tagship/shop-staging/live}}-web-1{POOL}:8000"]}
    assert proxies(candidate)["/*"] == [f"{{file./tagship/shop-staging/candidate}}-web-1{POOL}:8000"]


def test_the_candidate_is_for_bearers_of_the_deploys_key_and_visitors_of_its_canary() -> None:
    candidate, everyone = branches(served())

    key = "{file./tagship/shop-staging/key}"
    assert candidate["match"] == [
        {"header": {"X-Tagship-Candidate": [key]}},
        {"header": {"Cookie": [f"*tagship-candidate={key}*"]}},
        {"path": ["/"], "query": {"tagship-candidate": [key]}},
        canary.CHOSEN,
    ]
    assert candidate["terminal"]
    assert "match" not in everyone


def test_everyones_routes_change_with_the_file_that_names_the_live_release() -> None:
    (route,) = routes.site(PLACE, [URL], Served(BOTH), Served(WEB), "shop-staging-bbbbbbbb-c0ffee")["https"]

    _, after, before = route["handle"][-1]["routes"]

    assert after["match"] == [{"vars": {"{file./tagship/shop-staging/live}": ["shop-staging-bbbbbbbb-c0ffee"]}}]
    assert after["terminal"]
    assert list(proxies(after)) == ["/api/*", "/*"]
    assert proxies(after)["/*"] == proxies(before)["/*"] == [f"{{file./tagship/shop-staging/live}}-web-1{POOL}:8000"]


def test_maintenance_is_a_file_that_closes_the_site_to_all_but_bearers_of_the_key_and_what_is_excepted() -> None:
    settings = MaintenanceSettings.model_validate({"paths": "/up", "addresses": "203.0.113.7", "retry-after": "2m"})
    (route,) = routes.site(PLACE, [URL], Served(BOTH), Served(WEB), maintenance=settings)["https"]

    candidate, closed, _ = route["handle"][-1]["routes"]

    assert "X-Tagship-Candidate" in candidate["match"][0]["header"]
    assert closed["match"] == [
        {
            "vars": {"{file./tagship/shop-staging/maintenance}": ["on"]},
            "not": [{"path": ["/up"]}, {"client_ip": {"ranges": ["203.0.113.7"]}}],
        }
    ]
    (answer,) = closed["handle"]
    assert (answer["status_code"], answer["headers"]["Retry-After"]) == (503, ["120"])
    assert answer["body"] == "{file./tagship/shop-staging/maintenance.html}"


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="write an IP address or a network"):
        MaintenanceSettings.model_validate({"addresses": ["office"]})


def test_routes_that_stay_as_they_are_wait_for_no_release() -> None:
    assert routes.site(PLACE, [URL], Served(WEB), Served(WEB), "any") == routes.site(
        PLACE, [URL], Served(WEB), Served(WEB)
    )


def test_the_key_is_not_passed_on_to_the_app() -> None:
    said = json.dumps(served())

    assert said.count('"delete": ["X-Tagship-Candidate"]') == len(BOTH) + len(WEB)
    assert said.count('"Cookie": [{"search_regexp": "tagship-candidate=[^;]*(; *)?", "replace": ""}]') == 3


def test_the_link_to_a_candidate_sets_a_cookie_and_leads_to_the_site_itself() -> None:
    entrance, *_ = branches(served())[0]["handle"]
    ((answer,),) = (route["handle"] for route in entrance["routes"])

    assert (answer["status_code"], answer["headers"]["Location"]) == (303, ["/"])
    (cookie,) = answer["headers"]["Set-Cookie"]
    assert cookie == "tagship-candidate={file./tagship/shop-staging/key}; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert "Secure" not in json.dumps(site("http://shop.example.com"))


def test_no_cache_keeps_the_answers_of_a_candidate_for_everyone() -> None:
    said = [json.dumps(branch) for branch in branches(served())]

    assert ["private, no-store" in each for each in said] == [True, *[False] * (len(said) - 1)]


def test_the_answer_names_the_upstream_that_gave_it() -> None:
    (handler,) = branches(served())[1]["handle"]

    headers = handler["routes"][0]["handle"][0]["headers"]["response"]["set"]

    assert headers == {"X-Tagship-Release": ["{http.reverse_proxy.upstream.host}"]}


def test_the_longest_path_is_asked_first_whatever_the_files_order() -> None:
    live = (
        Route("/*", "web", 80),
        Route("/api/v2/*", "new", 80),
        Route("/api/*", "api", 80),
        Route("/abc/*", "abc", 80),
    )

    assert list(proxies(branches(served(live=live))[1])) == ["/api/v2/*", "/abc/*", "/api/*", "/*"]


def test_an_exact_path_comes_before_what_lies_below_it() -> None:
    live = (Route("/api*", "api", 80), Route("/api/health", "health", 80))

    assert list(proxies(branches(served(live=live))[1])) == ["/api/health", "/api*"]


def test_every_replica_is_dialled() -> None:
    assert proxies(branches(served(web=3))[1])["/*"] == [
        f"{{file./tagship/shop-staging/live}}-web-{number}{POOL}:8000" for number in (1, 2, 3)
    ]


def test_only_its_own_host_reaches_an_environment() -> None:
    route = served("https://Shop.Example.com:8443")

    assert route["match"] == [{"host": ["shop.example.com"]}]
    assert route["terminal"]


def test_the_names_in_caddys_configuration_hold_app_and_environment() -> None:
    names = {server: [route["@id"] for route in ours] for server, ours in site(URL, "http://old.example.com").items()}

    assert names == {
        "https": ["shop-staging"],
        "http": ["shop-staging:http", "shop-staging:redirect:shop.example.com"],
    }


def test_a_path_below_a_folder_is_the_folder_too_unless_that_has_a_route_of_its_own() -> None:
    live = (Route("/api/*", "api", 80), Route("/docs/*", "docs", 80), Route("/docs", "page", 80), *WEB)

    (handler,) = branches(served(live=live))[1]["handle"]

    paths = [route["match"][0]["path"] for route in handler["routes"] if "match" in route]
    assert paths == [["/docs/*"], ["/api/*", "/api"], ["/docs"], ["/*"]]


def test_a_path_that_no_route_has_is_not_found_and_no_empty_success() -> None:
    (handler,) = branches(served(live=(Route("/api/*", "api", 80),)))[1]["handle"]

    (answer,) = handler["routes"][-1]["handle"]
    assert "match" not in handler["routes"][-1]
    assert (answer["status_code"], answer["body"]) == (404, "No route has this path.\n")


def test_an_environment_whose_url_changes_is_served_at_both() -> None:
    both = site("https://new.example.com", "https://old.example.com")

    assert both["https"][0]["match"] == [{"host": ["new.example.com", "old.example.com"]}]
    assert [route["match"][0]["host"] for route in both["http"]] == [["new.example.com"], ["old.example.com"]]


def test_a_host_served_by_http_until_now_is_not_sent_to_https_yet() -> None:
    both = site("https://shop.example.com", "http://shop.example.com")

    assert [route["@id"] for route in both["http"]] == ["shop-staging:http"]
    assert [handler["handler"] for handler in both["http"][0]["handle"]] == ["subroute"] * 2


def test_a_release_without_routes_has_none_at_the_edge() -> None:
    assert routes.site(PLACE, [URL], Served(()), Served(())) == {}


@pytest.mark.parametrize(("url", "handlers"), [(URL, ["headers"]), ("http://localhost", [])])
def test_strict_transport_security_is_for_https_alone(url: str, handlers: list[str]) -> None:
    assert [handler["handler"] for handler in served(url)["handle"]] == [*handlers, "subroute", "subroute"]


@pytest.mark.parametrize(("url", "port"), [(URL, ""), (f"{URL}:8443", ":8443")])
def test_what_comes_by_http_is_sent_to_https_with_its_method_and_the_urls_port(url: str, port: str) -> None:
    (answer,) = site(url)["http"][0]["handle"]

    assert answer["status_code"] == 308
    assert answer["headers"]["Location"] == [f"https://{{http.request.host}}{port}{{http.request.uri}}"]


def test_the_admin_api_listens_on_the_edges_own_loopback() -> None:
    assert routes.server_config(80, 443, "acme")["admin"] == {"listen": "127.0.0.1:2019"}


@pytest.mark.parametrize(
    ("http", "https", "servers"), [(80, 443, {"http", "https"}), (80, 0, {"http"}), (0, 443, {"https"})]
)
def test_a_port_of_nought_is_no_server(http: int, https: int, servers: set[str]) -> None:
    assert set(routes.server_config(http, https, "acme")["apps"]["http"]["servers"]) == servers


def test_certificates_of_our_own_are_not_put_into_anybodys_trust_store() -> None:
    apps = routes.server_config(80, 443, "internal")["apps"]

    assert apps["tls"]["automation"]["policies"] == [{"issuers": [{"module": "internal"}]}]
    assert apps["pki"]["certificate_authorities"]["local"]["install_trust"] is False
    assert "tls" not in routes.server_config(80, 443, "acme")["apps"]


def test_a_host_that_nobody_is_served_as_is_told_so() -> None:
    for server in routes.server_config(80, 443, "acme")["apps"]["http"]["servers"].values():
        last = server["routes"][-1]
        assert last["handle"][0]["status_code"] == 421
        assert "No app is served as {http.request.host}" in last["handle"][0]["body"]


def test_a_change_is_announced_by_a_file_to_every_connection_that_is_http_1s() -> None:
    for server in routes.server_config(80, 443, "acme")["apps"]["http"]["servers"].values():
        first = server["routes"][0]
        assert first["match"] == [{"protocol": "http/1.1", "not": [{"header": {"Connection": ["*pgrade*"]}}]}]
        assert first["handle"][0]["response"] == {
            "deferred": True,
            "set": {"Connection": ["{file./tagship/connection}"]},
        }
        assert "terminal" not in first


def test_no_two_routes_of_an_edge_have_one_id() -> None:
    servers = routes.server_config(80, 443, "acme")["apps"]["http"]["servers"]

    ids = [route["@id"] for server in servers.values() for route in server["routes"]]

    assert len(ids) == len(set(ids)) == 4


@pytest.mark.parametrize(("url", "servers"), [(URL, ["http", "https"]), ("http://shop.example.com", ["http"])])
def test_a_host_that_only_leads_to_the_url_is_redirected_with_path_and_query(url: str, servers: list[str]) -> None:
    moved = {"www.shop.example.com": url, "shop.example.com": url}

    found = routes.site(PLACE, [url], Served(WEB), Served(WEB), moved=moved)

    sent = [(server, route) for server in found for route in found[server] if ":moved:" in route["@id"]]
    assert [server for server, _ in sent] == servers
    for _, route in sent:
        assert route["match"] == [{"host": ["www.shop.example.com"]}]
        assert route["handle"][0]["status_code"] == 308
        assert route["handle"][0]["headers"] == {"Location": [f"{url}{{http.request.uri}}"]}


def test_a_route_that_strips_tells_the_app_what_was_taken_off() -> None:
    (handler,) = branches(served(live=(Route("/shop/*", "web", 8000, strip="/shop"),)))[1]["handle"]

    strip, proxy = handler["routes"][0]["handle"]
    assert strip == {"handler": "rewrite", "strip_path_prefix": "/shop"}
    assert proxy["headers"]["request"]["set"] == {"X-Forwarded-Prefix": ["/shop"]}
