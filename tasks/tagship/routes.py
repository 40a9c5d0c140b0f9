"""What the edge is told: Caddy's JSON for a server, and for one environment's routes. Pure.

Which release answers is not in it: upstreams are dialled by a name that Caddy reads from a file, so a cutover replaces
a file and leaves the configuration, and every kept-alive connection, alone (docs/decisions/cutover-is-a-file.md).
"""

from typing import Any
from urllib.parse import urlsplit

from tagship.model import Place, Served

STATE = "/tagship"
"""Where the edge mounts the volume that holds what an environment is: live release, ledger, release records."""
ADMIN_PORT = 2019
CANDIDATE_HEADER = "X-Tagship-Candidate"
RELEASE_HEADER = "X-Tagship-Release"
HOLD = "10s"
"""How long a request waits for a container that doesn't answer, through a crash or a restart."""
UPSTREAM_IDLE = "1s"
"""Shorter than any app server's own keep-alive (gunicorn's is 2 s), so that no request meets a closing connection."""

Json = dict[str, Any]


def server_config(http: int, https: int, tls: str) -> Json:
    """A new edge's configuration: admin on its own loopback, servers without routes, access log as JSON."""
    servers: Json = {}
    if http:
        servers["http"] = {"listen": [":80"], "routes": [], "automatic_https": {"disable": True}, "logs": {}}
    if https:
        servers["https"] = {
            "listen": [":443"],
            "routes": [],
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


def environment_routes(place: Place, url: str, candidate: Served, live: Served) -> Json:
    """One environment's routes, `@id` APP-ENV: a request with the deploy's secret header reaches the candidate."""
    folder = f"{STATE}/{place}"
    address = urlsplit(url)
    for_candidate = {
        "match": [{"header": {CANDIDATE_HEADER: [f"{{file.{folder}/key}}"]}}],
        "handle": _proxies(f"{{file.{folder}/candidate}}", candidate),
        "terminal": True,
    }
    for_everyone = {"handle": _proxies(f"{{file.{folder}/live}}", live)}
    secure = [_hsts()] if address.scheme == "https" else []
    return {
        "@id": str(place),
        "match": [{"host": [address.hostname]}],
        "handle": [*secure, {"handler": "subroute", "routes": [for_candidate, for_everyone]}],
        "terminal": True,
    }


def redirect_routes(place: Place, url: str) -> Json:
    """`@id` APP-ENV-redirect: what arrives by HTTP for an environment whose URL is https."""
    return {
        "@id": f"{place}-redirect",
        "match": [{"host": [urlsplit(url).hostname]}],
        "handle": [
            {
                "handler": "static_response",
                "status_code": 308,
                "headers": {"Location": ["https://{http.request.host}{http.request.uri}"]},
            }
        ],
        "terminal": True,
    }


def _proxies(release: str, served: Served) -> list[Json]:
    """The longest path first, as a reader of the file expects whatever its order."""
    replicas = dict(served.replicas)
    ordered = sorted(served.routes, key=lambda route: (-len(route.path.rstrip("*")), route.path))
    answers = [
        {
            "match": [{"path": [route.path]}],
            "handle": [_proxy(f"{release}-{route.service}", replicas.get(route.service, 1), route.port)],
            "terminal": True,
        }
        for route in ordered
    ]
    return [{"handler": "subroute", "routes": answers}]


def _proxy(containers: str, count: int, port: int) -> Json:
    """To containers CONTAINERS-1 … CONTAINERS-COUNT, as Compose names them."""
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{containers}-{number}:{port}"} for number in range(1, count + 1)],
        "load_balancing": {"try_duration": HOLD, "try_interval": "50ms", "selection_policy": {"policy": "least_conn"}},
        "transport": {"protocol": "http", "keep_alive": {"idle_timeout": UPSTREAM_IDLE}, "dial_timeout": "2s"},
        "stream_close_delay": "5m",
        "headers": {
            "request": {"delete": [CANDIDATE_HEADER]},
            # the upstream that answered, not the one that was meant to
            "response": {"set": {RELEASE_HEADER: ["{http.reverse_proxy.upstream.host}"]}},
        },
    }


def _hsts() -> Json:
    return {"handler": "headers", "response": {"set": {"Strict-Transport-Security": ["max-age=31536000"]}}}
