"""One environment's routes in what an edge serves: found, compared, installed. Pure."""

from urllib.parse import urlsplit

from tagship.edge.routes import CONNECTIONS, Json, Site, framed, is_of
from tagship.names import Place

PERMANENT_REDIRECT = 308


def installed(http: Json, place: Place, wanted: Site) -> Json:
    """Caddy's HTTP application with this environment's routes in it as wanted, all else as it is."""
    servers = {}
    for name, server in (http.get("servers") or {}).items():
        servers[name] = {
            **server,
            "routes": framed(name, _replaced(server.get("routes") or [], place, wanted.get(name, []))),
        }
    return {**http, "servers": servers}


def lacking(http: Json, wanted: Site) -> str:
    """The server that the edge hasn't and these routes need, or nothing. Redirects can be done without."""
    servers = http.get("servers") or {}
    return next((name for name, ours in wanted.items() if name not in servers and not all(map(_redirects, ours))), "")


def stand(http: Json, place: Place, wanted: Site) -> bool:
    """Whether the edge serves this environment just so, and answers for hosts that nobody is served as."""
    return bool(http) and not lacking(http, wanted) and installed(http, place, wanted) == http


def announces(http: Json) -> bool:
    """Whether clients can be told that a change is about to come: not by an edge that an older version made."""
    servers = (http.get("servers") or {}).values()
    return all(any(is_of(route, CONNECTIONS) for route in server.get("routes") or ()) for server in servers)


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
    """Who else is served as one of the wanted hosts, and which; the first route that matches a host wins."""
    for name, server in (http.get("servers") or {}).items():
        hosts = {host for route in wanted.get(name, ()) for host in _hosts(route)}
        for route in server.get("routes") or ():
            if not _is_ours(route, place) and (shared := hosts & set(_hosts(route))):
                return route.get("@id", "Another app"), ", ".join(sorted(shared))
    return None


def same(url: str, other: str) -> bool:
    """Whether the edge tells two URLs apart by nothing: one scheme, one host. Ports are published, not matched."""
    first, second = urlsplit(url), urlsplit(other)
    return (first.scheme, first.hostname) == (second.scheme, second.hostname)


def _replaced(routes: list[Json], place: Place, wanted: list[Json]) -> list[Json]:
    """Where ours were, or behind the others': an order of its own would be a change of its own."""
    others = [route for route in routes if not _is_ours(route, place)]
    first = next((at for at, route in enumerate(routes) if _is_ours(route, place)), len(others))
    return [*others[:first], *wanted, *others[first:]]


def _is_ours(route: Json, place: Place) -> bool:
    """Versions before the first colon called a redirect APP-ENV-redirect: an environment may be called that, too."""
    name = route.get("@id", "")
    return name == str(place) or name.startswith(f"{place}:") or (name == f"{place}-redirect" and _redirects(route))


def _redirects(route: Json) -> bool:
    return any(handler.get("status_code") == PERMANENT_REDIRECT for handler in route.get("handle") or ())


def _port(redirect: Json) -> str:
    """The port a redirect leads to, with its colon; empty for the usual one."""
    (location,) = redirect["handle"][0]["headers"]["Location"]
    return str(location).removeprefix("https://{http.request.host}").removesuffix("{http.request.uri}")


def _hosts(route: Json) -> list[str]:
    return [host for match in route.get("match") or () for host in match.get("host") or ()]
