"""The edge: Caddy on the server, one container for all its apps, and the files and routes an environment has there."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from tagship import routes, sites
from tagship.adapters import compose, networks
from tagship.adapters.engine import Engine
from tagship.adapters.shell import Shell, encoded, quote, replace_file
from tagship.config import EdgeSettings
from tagship.errors import CheckError, EngineError
from tagship.model import Place
from tagship.render import LABEL

NAME = "tagship-edge"
NETWORK = "0-tagship"
"""Sorts before any other network's name: old engines give the first by name the published ports."""
VOLUME = "tagship"
_SEPARATOR = "\036"
_SERVED = "/config/apps/http"
ATTEMPTS = 5
"""How often routes are tried to be installed while other environments change theirs."""
LEDGER_LINES = 200
"""How much of the ledger a deploy looks at: enough to find the releases it may roll back to."""


@dataclass(frozen=True)
class Files:
    """What the edge's volume says of one environment."""

    live: str
    record: bytes
    """What is kept of the live release; empty when there is none."""
    key: bytes
    """What configurations are hashed with; empty before the first deploy."""
    ledger: tuple[str, ...]
    disk_free: int
    """Bytes free where the engine keeps volumes."""
    memory_free: int
    """Bytes that new processes may take without swapping: Linux's MemAvailable."""
    http: routes.Json = field(default_factory=dict)
    """Caddy's configuration of what it serves, all environments'; empty where it doesn't say."""


def find(engine: Engine) -> dict[str, Any] | None:
    """The edge's container as the engine lists it, or None."""
    found = engine.get("/containers/json", all=True, filters={"label": [f"{LABEL}.edge"]})
    return cast("dict[str, Any]", found[0]) if found else None


def ensure(engine: Engine, settings: EdgeSettings) -> dict[str, Any]:
    """The running edge's container, as the engine lists it; made, with its network and volume, where there is none.

    Raises CheckError when an edge is there that doesn't publish the wanted ports: it serves other apps too.
    """
    found = find(engine)
    if found is None:
        networks.ensure(
            engine, NETWORK, settings.networks, prefix=networks.EDGE_PREFIX, labels={f"{LABEL}.edge": "true"}
        )
        engine.call("POST", "/volumes/create", {"Name": VOLUME, "Labels": {f"{LABEL}.edge": "true"}})
        compose.up(engine.socket, _project(settings), {})
        found = find(engine)
        if found is None:
            raise EngineError("The edge was created and is gone again.", hint="docker ps -a on the server tells")
    elif found["State"] != "running":
        engine.call("POST", f"/containers/{found['Id']}/start")
    published = {port["PublicPort"] for port in found.get("Ports") or () if port.get("PublicPort")}
    missing = {settings.http, settings.https} - {0} - published
    if published and missing:
        raise CheckError(
            f"The edge publishes {_ports(published)}, not {_ports(missing)}.",
            hint="set edge.http and edge.https to what it has, or recreate it in a quiet hour",
        )
    return found


class Edge:
    """One environment's part of the edge."""

    def __init__(self, engine: Engine, container: str, place: Place) -> None:
        self.place = place
        self._shell = Shell(engine, container)
        self._folder = f"{routes.STATE}/{place}"

    def read(self, *, prepare: bool = False) -> Files:
        """Everything a deploy needs to know, in one round trip; with `prepare`, the folder is made first."""
        folder = quote(self._folder)
        parts = [
            f"cat {folder}/live 2>/dev/null",
            f'cat {folder}/releases/"$(cat {folder}/live 2>/dev/null)".json 2>/dev/null',
            f"cat {folder}/configuration-key 2>/dev/null",
            f"tail -n {LEDGER_LINES} {folder}/ledger.jsonl 2>/dev/null",
            f"df -Pk {routes.STATE} | tail -n 1",
            "grep MemAvailable /proc/meminfo",
            f"{_asking('GET', _SERVED)} || true",
        ]
        script = "\n".join(f"{part}; printf '{_SEPARATOR}'" for part in parts)
        said = self._shell.run(f"{_made(folder)}\n{script}" if prepare else script).decode().split(_SEPARATOR)
        live, record, key, ledger, disk, memory, served = said[:7]
        return Files(
            live=live.strip(),
            record=record.encode(),
            key=key.strip().encode(),
            ledger=tuple(ledger.splitlines()),
            disk_free=int(disk.split()[3]) * 1024,
            memory_free=int(memory.split()[1]) * 1024,
            http=_application(_parsed(served.encode())),
        )

    def offer(self, release: str, key: str) -> None:
        """Let requests that bear the key in the candidate header reach a release."""
        script = f"{replace_file(f'{self._folder}/candidate', release.encode())}\n"
        self._shell.run(f"{script}{replace_file(f'{self._folder}/key', key.encode())}")

    def switch(self, release: str) -> None:
        """The cutover: from the next request on, this release answers."""
        self._shell.run(replace_file(f"{self._folder}/live", release.encode()))

    def keep(self, release: str, record: bytes) -> None:
        """Keep a release's record beside the ledger."""
        self._shell.run(replace_file(f"{self._folder}/releases/{release}.json", record))

    def append(self, line: str) -> None:
        """Add a line to the ledger; one that was cut short before it is ended first, or the two would be one."""
        file, whole = quote(f"{self._folder}/ledger.jsonl"), f"{line}\n".encode()
        self._shell.run(f'[ -z "$(tail -c 1 {file} 2>/dev/null)" ] || echo >> {file}\n{encoded(whole)} >> {file}')

    def record(self, release: str) -> bytes:
        """What was kept of a release; empty when nothing was."""
        return self._shell.run(f"cat {quote(f'{self._folder}/releases/{release}.json')} 2>/dev/null || true")

    def requests_in_flight(self, release: str) -> int:
        """How many requests the edge is still passing to a release."""
        _, _, upstreams = self._admin("GET", "/reverse_proxy/upstreams")
        ours = [item["num_requests"] for item in upstreams or () if item["address"].startswith(f"{release}-")]
        return sum(ours)

    def serve(self, wanted: routes.Site) -> bool:
        """Have these routes installed, by one change of the configuration. Returns whether there was any.

        Raises CheckError when the edge can't: another environment has the host, or the URL's scheme has no port.
        """
        for _ in range(ATTEMPTS):
            answer = self._admin("GET", _SERVED)
            http = _application(answer)
            self._refuse(http, wanted)
            if sites.stand(http, self.place, wanted):
                return False
            changed = sites.installed(http, self.place, wanted)
            status, _, said = self._admin("PATCH", _SERVED, changed, answer[1])
            if status != HTTPStatus.PRECONDITION_FAILED:  # which means that somebody else changed it meanwhile
                break
        if status != HTTPStatus.OK:
            raise EngineError(f"The edge refused the routes of {self.place}: {status} {said}.")
        return True

    def _refuse(self, http: routes.Json, wanted: routes.Site) -> None:
        if not http:
            raise EngineError(
                "The edge doesn't say what it serves.", hint="docker logs tagship-edge on the server tells"
            )
        if taken := sites.taken(http, self.place, wanted):
            raise CheckError(
                f"{taken[0]} is served as {taken[1]} on this server already.",
                hint="give this environment a host name of its own: its `url`",
            )
        if scheme := sites.lacking(http, wanted):
            raise CheckError(f"The edge has no port for {scheme}.", hint=f"set edge.{scheme}, or another `url`")

    def close(self) -> None:
        """End the shell."""
        self._shell.close()

    def _admin(self, method: str, path: str, body: object = None, etag: str = "") -> tuple[int, str, Any]:
        """One request to Caddy's admin API on the edge's own loopback: status, Etag, decoded body."""
        return _parsed(self._shell.run(_asking(method, path, body, etag)))


def _asking(method: str, path: str, body: object = None, etag: str = "") -> str:
    """Script that makes one request to Caddy's admin API and prints the answer."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{routes.ADMIN_PORT}", "Connection: close"]
    lines += [f"If-Match: {etag}"] if etag else []
    lines += ["Content-Type: application/json", f"Content-Length: {len(data)}", "", ""]
    request = "\r\n".join(lines).encode() + data
    return f"{encoded(request)} | nc 127.0.0.1 {routes.ADMIN_PORT}"


def _application(answer: tuple[int, str, Any]) -> routes.Json:
    """Caddy's HTTP application as its admin API told it; empty when that was no answer."""
    status, _, said = answer
    return said if status == HTTPStatus.OK and isinstance(said, dict) else {}


def _made(folder: str) -> str:
    """Script that makes an environment's folder and its keys, once."""
    return (
        f"mkdir -p {folder}/releases && chmod 700 {folder}\n"
        f"{_key(f'{folder}/configuration-key')}\n{_key(f'{folder}/key')}"
    )


def _key(path: str) -> str:
    """Script that makes a random key, whole or not at all, unless there is one."""
    return f"[ -s {path} ] || {{ head -c 32 /dev/urandom | base64 > {path}.new && mv -f {path}.new {path}; }}"


def _parsed(answer: bytes) -> tuple[int, str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode(errors="replace").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    status = int(first.split()[1]) if first.startswith("HTTP/") else 0
    try:
        return status, headers.get("etag", ""), json.loads(body) if body.strip() else None
    except ValueError:
        return status, headers.get("etag", ""), body.decode(errors="replace")


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        whole, body = whole + rest[:length], rest[length + 2 :]
    return whole


def _ports(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports))) or "no port"


def _project(settings: EdgeSettings) -> dict[str, Any]:
    """The edge's own Compose project."""
    config = json.dumps(routes.server_config(settings.http, settings.https, settings.tls)).replace("$", "$$")
    published = [(settings.http, 80, "tcp"), (settings.https, 443, "tcp"), (settings.https, 443, "udp")]
    return {
        "name": NAME,
        "services": {
            "caddy": {
                "image": settings.image,
                "container_name": NAME,
                "command": ["caddy", "run", "--config", "/etc/tagship/edge.json", "--resume"],
                "labels": {f"{LABEL}.edge": "true"},
                "restart": "unless-stopped",
                "configs": [{"source": "edge", "target": "/etc/tagship/edge.json"}],
                "networks": {"edge": None},
                "ports": [
                    {"published": str(port), "target": target, "protocol": protocol}
                    for port, target, protocol in published
                    if port
                ],
                "volumes": [f"{VOLUME}:{routes.STATE}", "data:/data", "config:/config"],
                "logging": {"driver": "json-file", "options": {"max-size": "20m", "max-file": "5"}},
                "stop_grace_period": "40s",
            }
        },
        "networks": {"edge": {"name": NETWORK, "external": True}},
        "volumes": {VOLUME: {"name": VOLUME, "external": True}, "data": None, "config": None},
        "configs": {"edge": {"content": config}},
    }
