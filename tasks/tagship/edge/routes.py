"""Renders Caddy's configuration: JSON for a server, and for an environment's routes. Pure.

It doesn't contain which release is live: Caddy dials upstreams by a name that it reads from a file. So a cutover
replaces a file, and doesn't touch the configuration or any kept-alive connection (docs/decisions/cutover-is-a-file.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tagship.edge import canary, kept_assets
from tagship.names import CANDIDATE_COOKIE, CANDIDATE_HEADER, MAINTENANCE, RELEASE_HEADER, Place
from tagship.project.maintenance_settings import MaintenanceSettings
from tagship.release.model import Route, Served

STATE = "/tagship"
"""Where the edge mounts the volume with the state of environments: live release, ledger, release records."""
ADMIN_PORT = 2019


HOLD = "10s"
"""How long a request waits for a container that doesn't answer, during a crash or a restart."""
UPSTREAM_IDLE = "1s"
"""Shorter than any app server's keep-alive (gunicorn's is 2 s), so that no request meets a closing connection."""

RETRY_AFTER = "30"
"""Seconds that the maintenance answer asks clients to wait."""

CONNECTIONS = "tagship:connections"
"""`@id`, without the server's name, of the route that says for every connection whether it stays open."""
CONNECTION_FILE = f"{STATE}/connection"
"""Holds `keep-alive`, and `close` just before a change of Caddy's configuration."""
POOL = "pool"
"""The environment's file with what ends the name that is dialled: nothing, or the dot of an absolute name. Caddy keeps
idle connections by that name, so another ending makes it open new ones, to whichever container has the name then."""
PAGE = "maintenance.html"
"""The environment's file with what visitors get then."""
NOBODY = "tagship:nobody"
"""`@id`, without the server's name, of the route that answers for unknown hosts."""

Json = dict[str, Any]
Site = dict[str, list[Json]]
"""The edge's server, `http` or `https` → the routes of one environment there."""


def server_config(http: int, https: int, tls: str) -> Json:
    """The configuration of a new edge: admin API on its loopback, servers without routes, access log as JSON."""
    servers: Json = {}
    if http:
        servers["http"] = {
            "listen": [":80"],
            "routes": framed("http", []),
            "automatic_https": {"disable": True},
            "logs": {},
        }
    if https:
        servers["https"] = {
            "listen": [":443"],
            "routes": framed("https", []),
            "logs": {},
            "automatic_https": {"disable_redirects": True},
        }
    apps: Json = {"http": {"servers": servers, "grace_period": "30s", "metrics": {}}}
    if tls == "internal":
        apps["tls"] = {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}}
        apps["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    return {
        "admin": {"listen": f"127.0.0.1:{ADMIN_PORT}"},
        "logging": {"logs": {"default": {"encoder": {"format": "json"}}}},
        "apps": apps,
    }


def site(  # noqa: PLR0913, PLR0917 - what a site is made of
    place: Place,
    urls: Sequence[str],
    candidate: Served,
    live: Served,
    to: str = "",
    maintenance: MaintenanceSettings | None = None,
    moved: Mapping[str, str] | None = None,
) -> Site:
    """An environment's routes on each of the edge's servers, for these URLs; none if no service has a route.

    A request with the deploy's key, as a header or a cookie, reaches the candidate, and during a canary a share of all
    visitors. With `to`, everyone gets the
    candidate's routes as soon as that release is live. If a host is served only by HTTPS, HTTP requests are redirected.
    `maintenance`: what the environment's switch for maintenance does. `moved`: host → the URL that its requests are
    redirected to.
    """
    if not urls or not (candidate.routes or live.routes):
        return {}
    split = [urlsplit(url) for url in urls]
    found: Site = {"http": [], "https": []}
    for scheme, ours in found.items():
        if hosts := unique(str(address.hostname) for address in split if address.scheme == scheme):
            name = str(place) if scheme == split[0].scheme else f"{place}:{scheme}"
            secure = [_hsts()] if scheme == "https" else []
            folder = f"{STATE}/{place}"
            drawn = canary.draw(place, folder, f"{{file.{folder}/key}}", secure=bool(secure))
            handlers = [*secure, drawn, _releases(place, candidate, live, to, maintenance, secure=bool(secure))]
            ours.append({"@id": name, "match": [{"host": hosts}], "handle": handlers, "terminal": True})
    plain = {address.hostname for address in split if address.scheme == "http"}
    secured = {address.hostname: address for address in split if address.scheme == "https"}
    found["http"] += [_redirect(place, address) for host, address in secured.items() if host not in plain]
    served = {address.hostname for address in split}
    for host, url in (moved or {}).items():
        if host not in served:
            for scheme in ("http", split[0].scheme) if split[0].scheme == "https" else ("http",):
                found[scheme].append(_moved(place, scheme, host, url))
    return {scheme: ours for scheme, ours in found.items() if ours}


def framed(server: str, routes: list[Json]) -> list[Json]:
    """A server's routes between its first and its last route of its own; existing ones stay.

    Caddy refuses a configuration with a duplicate `@id`, even on different servers, so these contain the server's name.
    """
    first = [route for route in routes if is_of(route, CONNECTIONS)]
    last = [route for route in routes if is_of(route, NOBODY)]
    between = [route for route in routes if route not in first and route not in last]
    return [*(first or [_connections(server)]), *between, *(last or [_nobody(server)])]


def is_of(route: Json, kind: str) -> bool:
    """Whether a route is the server's own of that kind."""
    name = str(route.get("@id", ""))
    return name == kind or name.startswith(f"{kind}:")


def unique(names: Iterable[str]) -> list[str]:
    """The names without duplicates, in the same order."""
    return list(dict.fromkeys(names))


def switch(place: Place, settings: MaintenanceSettings) -> Json:
    """The route that answers during maintenance. Turning it on and off replaces a file, as a cutover does."""
    folder = f"{STATE}/{place}"
    excepted: list[Json] = [{"path": list(settings.paths)}] if settings.paths else []
    excepted += [{"client_ip": {"ranges": list(settings.addresses)}}] if settings.addresses else []
    answer = {
        "handler": "static_response",
        "status_code": 503,
        "headers": {
            "Content-Type": ["text/html; charset=utf-8"],
            "Cache-Control": ["no-store"],
            "Retry-After": [f"{settings.retry_after:.0f}"],
            RELEASE_HEADER: [MAINTENANCE],
        },
        "body": f"{{file.{folder}/{PAGE}}}",
    }
    on = {"vars": {f"{{file.{folder}/{MAINTENANCE}}}": ["on"]}}
    return {"match": [{**on, "not": excepted} if excepted else on], "handle": [answer], "terminal": True}


def is_switch(route: Json, place: Place) -> bool:
    """Whether a route is an environment's switch for maintenance."""
    file = f"{{file.{STATE}/{place}/{MAINTENANCE}}}"
    return any(file in (match.get("vars") or {}) for match in route.get("match") or ())


def _releases(  # noqa: PLR0913 - what a site is made of
    place: Place, candidate: Served, live: Served, to: str, maintenance: MaintenanceSettings | None, *, secure: bool
) -> Json:
    folder = f"{STATE}/{place}"
    key = f"{{file.{folder}/key}}"
    link: Json = {"path": ["/"], "query": {CANDIDATE_COOKIE: [key]}}
    cookie = {"header": {"Cookie": [f"*{CANDIDATE_COOKIE}={key}*"]}}
    for_candidate = {
        "match": [{"header": {CANDIDATE_HEADER: [key]}}, cookie, link, canary.CHOSEN],
        "handle": [_entrance(link, key, secure=secure), _UNKEPT, *_proxies(folder, "candidate", candidate)],
        "terminal": True,
    }
    after_cutover = {
        "match": [{"vars": {f"{{file.{folder}/live}}": [to]}}],
        "handle": _proxies(folder, "live", candidate),
        "terminal": True,
    }
    for_everyone = {"handle": _proxies(folder, "live", live)}
    changing = [after_cutover] if to and candidate != live else []
    closed = [switch(place, maintenance)] if maintenance else []
    return {"handler": "subroute", "routes": [for_candidate, *closed, *changing, for_everyone]}


_UNKEPT: Json = {
    "handler": "headers",
    "response": {"deferred": True, "set": {"Cache-Control": ["private, no-store"]}},
}
"""Keeps a candidate's answers out of every cache, where the live release's would be looked for."""


def _entrance(link: Json, key: str, *, secure: bool) -> Json:
    """Answers the link to a candidate: sets the cookie, for as long as the browser is open, and leads to the site."""
    cookie = f"{CANDIDATE_COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    headers = {"Location": ["/"], "Set-Cookie": [cookie], "Cache-Control": ["no-store"]}
    answer = {"handler": "static_response", "status_code": 303, "headers": headers}
    return {"handler": "subroute", "routes": [{"match": [link], "handle": [answer], "terminal": True}]}


def _redirect(place: Place, address: SplitResult) -> Json:
    """The redirect from HTTP for a host that is served by HTTPS."""
    port = f":{address.port}" if address.port else ""
    to = f"https://{{http.request.host}}{port}"
    return _sent(f"{place}:redirect:{address.hostname}", str(address.hostname), to)


def _moved(place: Place, server: str, host: str, url: str) -> Json:
    """The redirect from a host that only leads to the URL."""
    return _sent(f"{place}:moved:{server}:{host}", host, url)


def _sent(name: str, host: str, to: str) -> Json:
    location = {"Location": [f"{to}{{http.request.uri}}"]}
    answer = {"handler": "static_response", "status_code": 308, "headers": location}
    return {"@id": name, "match": [{"host": [host]}], "handle": [answer], "terminal": True}


def _connections(server: str) -> Json:
    """The route that sets each answer's `Connection` header from a file, to ask clients to reconnect before a change.

    It is set when an answer begins, so that a long request gets it at its end. HTTP/2 and 3 have their own way, and an
    upgraded connection isn't HTTP any more.
    """
    return {
        "@id": f"{CONNECTIONS}:{server}",
        "match": [{"protocol": "http/1.1", "not": [{"header": {"Connection": ["*pgrade*"]}}]}],
        "handle": [
            {
                "handler": "headers",
                "response": {"deferred": True, "set": {"Connection": [f"{{file.{CONNECTION_FILE}}}"]}},
            }
        ],
    }


def _nobody(server: str) -> Json:
    """Answers 421, which isn't cached, instead of Caddy's own answer without a matching route: an empty 200."""
    text = "No app is served as {http.request.host} on this server.\n"
    return {"@id": f"{NOBODY}:{server}", "handle": [_says(421, text)], "terminal": True}


def maintenance() -> Json:
    """The answer while an environment is held: 503, to be tried again."""
    return _says(503, "Down for maintenance. Please try again in a minute.\n", {"Retry-After": [RETRY_AFTER]})


def _says(status: int, text: str, more: Json | None = None) -> Json:
    headers = {"Content-Type": ["text/plain; charset=utf-8"], **(more or {})}
    return {"handler": "static_response", "status_code": status, "headers": headers, "body": text}


def _proxies(folder: str, who: str, served: Served) -> list[Json]:
    """The release that the file `who` names in an environment's folder answers.

    Longer paths come first, independent of the order in the file; `/api/*` also matches `/api`.

    Without routes, an environment is held: it answers for maintenance.
    """
    if not served.routes:
        return [maintenance()]
    replicas = dict(served.replicas)
    exact = {route.path for route in served.routes}
    ordered = sorted(served.routes, key=lambda route: (-len(route.path.rstrip("*")), route.path))
    answers = [
        {
            "match": [{"path": _paths(route.path, exact)}],
            "handle": _to(route, f"{{file.{folder}/{who}}}", replicas.get(route.service, 1), folder),
            "terminal": True,
        }
        for route in ordered
    ]
    return [{"handler": "subroute", "routes": [*answers, {"handle": [_says(404, "No route has this path.\n")]}]}]


def _paths(path: str, exact: set[str]) -> list[str]:
    folder = path.removesuffix("/*")
    return [path] if folder in {path, "", *exact} else [path, folder]


def _to(route: Route, release: str, count: int, folder: str) -> list[Json]:
    """A proxy to a route's containers, and before it what takes the beginning off the path and says so."""
    proxy = _proxy(f"{release}-{route.service}", count, f"{{file.{folder}/{POOL}}}:{route.port}")
    if route.assets:
        proxy["handle_response"] = kept_assets.otherwise(folder)
    if not route.strip:
        return [proxy]
    proxy["headers"]["request"]["set"] = {"X-Forwarded-Prefix": [route.strip]}
    return [{"handler": "rewrite", "strip_path_prefix": route.strip}, proxy]


def _proxy(containers: str, count: int, end: str) -> Json:
    """A proxy to the containers CONTAINERS-1 … CONTAINERS-COUNT, as Compose names them. `end`: of each address."""
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{containers}-{number}{end}"} for number in range(1, count + 1)],
        "load_balancing": {"try_duration": HOLD, "try_interval": "50ms", "selection_policy": {"policy": "least_conn"}},
        "transport": {"protocol": "http", "keep_alive": {"idle_timeout": UPSTREAM_IDLE}, "dial_timeout": "2s"},
        "stream_close_delay": "5m",
        "headers": {
            "request": {
                "delete": [CANDIDATE_HEADER],
                "replace": {"Cookie": [{"search_regexp": f"{CANDIDATE_COOKIE}=[^;]*(; *)?", "replace": ""}]},
            },
            # the upstream that answered, which may not be the intended one
            "response": {"set": {RELEASE_HEADER: ["{http.reverse_proxy.upstream.host}"]}},
        },
    }


def _hsts() -> Json:
    return {"handler": "headers", "response": {"set": {"Strict-Transport-Security": ["max-age=31536000"]}}}
