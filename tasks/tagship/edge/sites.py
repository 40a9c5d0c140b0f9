"""Finds, compares and installs an environment's routes in the edge's configuration. Pure."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tagship.edge.routes import CONNECTIONS, Json, Site, framed, is_of, is_switch, maintenance, switch
from tagship.names import Place
from tagship.project.maintenance_settings import MaintenanceSettings

PERMANENT_REDIRECT = 308


def installed(http: Json, place: Place, wanted: Site, behind: Iterable[str] = ()) -> Json:
    """Caddy's HTTP configuration with this environment's wanted routes; everything else stays.

    `behind`: proxies that are believed from now on, besides those that other environments named.
    """
    servers = {}
    for name, server in (http.get("servers") or {}).items():
        servers[name] = {
            **server,
            "routes": framed(name, _replaced(server.get("routes") or [], place, wanted.get(name, []))),
            **_believing(server, behind),
        }
    return {**http, "servers": servers}


def _believing(server: Json, behind: Iterable[str]) -> Json:
    """The part of a server's configuration that names the proxies before it; the last who isn't one is the client."""
    ranges = sorted({*(server.get("trusted_proxies") or {}).get("ranges", ()), *behind})
    if not ranges:
        return {}
    return {"trusted_proxies": {"source": "static", "ranges": ranges}, "trusted_proxies_strict": 1}


def lacking(http: Json, wanted: Site) -> str:
    """The server that these routes need and the edge lacks; empty for none. Redirects are optional."""
    servers = http.get("servers") or {}
    return next((name for name, ours in wanted.items() if name not in servers and not all(map(_redirects, ours))), "")


def stand(http: Json, place: Place, wanted: Site, behind: Iterable[str] = ()) -> bool:
    """Whether the edge serves exactly these routes of the environment, and answers for unknown hosts."""
    return bool(http) and not lacking(http, wanted) and installed(http, place, wanted, behind) == http


def announces(http: Json) -> bool:
    """Whether the edge announces a change to clients: it serves somebody, and it isn't of an older version."""
    all_routes = [server.get("routes") or () for server in (http.get("servers") or {}).values()]
    serves = any(_hosts(route) for each in all_routes for route in each)
    return serves and all(any(is_of(route, CONNECTIONS) for route in each) for each in all_routes)


def addresses(http: Json, place: Place) -> tuple[str, ...]:
    """The URLs at which the edge serves an environment, its own first."""
    found: list[tuple[bool, str]] = []
    servers = http.get("servers") or {}
    ours = [(name, r) for name in servers for r in servers[name].get("routes") or () if _is_ours(r, place)]
    ports = {host: _port(route) for _, route in ours if _redirects(route) for host in _hosts(route)}
    for scheme, route in ours:
        if not _redirects(route):
            for host in _hosts(route):
                port = ports.get(host, "") if scheme == "https" else ""
                found.append((route["@id"] != str(place), f"{scheme}://{host}{port}"))
    return tuple(url for _, url in sorted(found, key=lambda item: item[0]))


def taken(http: Json, place: Place, wanted: Site) -> tuple[str, str] | None:
    """Who else is served at one of the wanted hosts, and at which; the first route that matches a host wins."""
    for name, server in (http.get("servers") or {}).items():
        hosts = {host for route in wanted.get(name, ()) for host in _hosts(route)}
        for route in server.get("routes") or ():
            if not _is_ours(route, place) and (shared := hosts & set(_hosts(route))):
                return route.get("@id", "Another app"), ", ".join(sorted(shared))
    return None


def same(url: str, other: str) -> bool:
    """Whether two URLs have the same scheme and host. The edge doesn't distinguish ports."""
    first, second = urlsplit(url), urlsplit(other)
    return (first.scheme, first.hostname) == (second.scheme, second.hostname)


def served(http: Json, place: Place) -> Site:
    """The routes of an environment, as the edge has them."""
    servers = http.get("servers") or {}
    found = {name: [r for r in servers[name].get("routes") or () if _is_ours(r, place)] for name in servers}
    return {name: ours for name, ours in found.items() if ours}


def without(site: Site, container: str) -> Site:
    """The same routes without a container, whose service has others."""

    def left(part: Any) -> Any:  # noqa: ANN401 - any part of Caddy's JSON
        if isinstance(part, dict):
            return {
                key: _others(value, container) if key == "upstreams" else left(value) for key, value in part.items()
            }
        return [left(each) for each in part] if isinstance(part, list) else part

    return {name: [left(route) for route in ours] for name, ours in site.items()}


def _others(upstreams: list[Json], container: str) -> list[Json]:
    """The upstreams but one. They name the release by a file, so only service and number tell containers apart."""
    return [each for each in upstreams if _container(each["dial"]) != container]


def _container(dial: str) -> str:
    """Service and number of `{file.…/live}-SERVICE-N{file.…/pool}:PORT`; older versions wrote no pool."""
    return dial.rpartition(":")[0].rpartition("}-")[2].partition("{")[0]


def held(site: Site) -> Site:
    """The same hosts with a maintenance answer at every path; redirects stay."""
    return {
        name: [route if _redirects(route) else {**route, "handle": [maintenance()]} for route in ours]
        for name, ours in site.items()
    }


def switchable(site: Site, place: Place, settings: MaintenanceSettings) -> Site:
    """The same routes with the environment's switch for maintenance as `settings` say.

    Only the candidate's route, for requests with a deploy's key, comes before it.
    """

    def with_switch(route: Json) -> Json:
        *before, last = route["handle"]
        if last.get("handler") != "subroute":  # a redirect, or held
            return route
        first, *others = last["routes"]
        others = [other for other in others if not is_switch(other, place)]
        return {**route, "handle": [*before, {**last, "routes": [first, switch(place, settings), *others]}]}

    return {name: [with_switch(route) for route in ours] for name, ours in site.items()}


def has_switch(http: Json, place: Place) -> bool:
    """Whether the edge serves an environment with a switch for maintenance."""
    ours = [route for routes in served(http, place).values() for route in routes if not _redirects(route)]
    subs = [[sub for each in route["handle"] for sub in each.get("routes") or ()] for route in ours]
    return bool(subs) and all(any(is_switch(sub, place) for sub in each) for each in subs)


def is_held(http: Json, place: Place) -> bool:
    """Whether the edge answers for an environment that it is down for maintenance."""
    return any(_answers(maintenance(), route) for ours in served(http, place).values() for route in ours)


def _answers(answer: Json, route: Json) -> bool:
    """Whether a route, or one within it, gives this answer."""
    handlers = route.get("handle") or ()
    return answer in handlers or any(_answers(answer, sub) for each in handlers for sub in each.get("routes") or ())


def _replaced(routes: list[Json], place: Place, wanted: list[Json]) -> list[Json]:
    """Put the routes where ours were, or after the others, because a different order would count as a change."""
    others = [route for route in routes if not _is_ours(route, place)]
    first = next((at for at, route in enumerate(routes) if _is_ours(route, place)), len(others))
    return [*others[:first], *wanted, *others[first:]]


def _is_ours(route: Json, place: Place) -> bool:
    """Whether a route is this environment's.

    Older versions named a redirect APP-ENV-redirect, also a possible environment.
    """
    name = route.get("@id", "")
    return name == str(place) or name.startswith(f"{place}:") or (name == f"{place}-redirect" and _redirects(route))


def _redirects(route: Json) -> bool:
    return any(handler.get("status_code") == PERMANENT_REDIRECT for handler in route.get("handle") or ())


def _port(redirect: Json) -> str:
    """The port of a redirect's target, with a colon; empty for the default port."""
    try:
        (location,) = redirect["handle"][0]["headers"]["Location"]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return ""  # not of our making
    return str(location).removeprefix("https://{http.request.host}").removesuffix("{http.request.uri}")


def _hosts(route: Json) -> list[str]:
    return [host for match in route.get("match") or () for host in match.get("host") or ()]
