"""The edge: Caddy on the server, one container for all its apps, and the files and routes an environment has there."""

import contextlib
import io
import ipaddress
import json
import re
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

from tagship.engine import compose, networks, ports
from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError, TagshipError
from tagship.project.schema import EdgeSettings
from tagship.release.model import Place
from tagship.release.render import LABEL
from tagship.server import routes, sites
from tagship.server.shell import Shell, encoded, quote, replace_file

NAME = "tagship-edge"
NETWORK = "0-tagship"
"""Sorts before any other network's name: old engines give the first by name the published ports."""
VOLUME = "tagship"
_SEPARATOR = "\036"
RESTART = "always"
"""Restart policy: old engines leave what has `unless-stopped` stopped when they were killed. The label says it, too."""
OLDEST_CADDY = (2, 8)
"""The first that has the placeholder `{file.…}`."""
MIGRATING_KERNEL = (5, 14)
"""The first Linux with net.ipv4.tcp_migrate_req."""
_CADDY = "/tmp/tagship-caddy-version"  # noqa: S108 - in the edge's container, where nobody else is
ANNOUNCED = 1
"""Seconds for which clients are told to end their connections before a change closes them."""
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
    caddy: str = ""
    """What `caddy version` says."""
    http: routes.Json = field(default_factory=dict)
    """Caddy's configuration of what it serves, all environments'; empty where it doesn't say."""


def find(engine: Engine) -> dict[str, Any] | None:
    """The edge's container as the engine lists it, or None."""
    found = engine.get("/containers/json", all=True, filters={"label": [f"{LABEL}.edge"]})
    return cast("dict[str, Any]", found[0]) if found else None


def refuse_unreachable(url: str, settings: EdgeSettings) -> None:
    """Raises CheckError for a URL that the edge has no port for.

    A port that the URL doesn't name may be another machine's; one that it names must be the edge's.
    """
    address = urlsplit(url)
    port = settings.https if address.scheme == "https" else settings.http
    if not port:
        raise CheckError(f"{url} needs edge.{address.scheme}, which is 0.", hint="give it a port, or change `url`")
    if address.port and address.port != port:
        raise CheckError(
            f"{url} names port {address.port}, and the edge publishes {port} for {address.scheme}.",
            hint=f"set edge.{address.scheme} to {address.port}, or change `url`",
        )


def live_of_stopped(engine: Engine, container: str, place: Place) -> str:
    """What the files of an edge that doesn't run name as live; empty when they don't."""
    try:
        with tarfile.open(fileobj=io.BytesIO(engine.get_archive(container, f"{routes.STATE}/{place}/live"))) as tar:
            file = tar.extractfile("live")
            return file.read().decode().strip() if file else ""
    except EngineError:
        return ""


def ensure(engine: Engine, settings: EdgeSettings) -> dict[str, Any]:
    """The running edge's container, as the engine lists it; made, with its network and volume, where there is none.

    Raises CheckError when it can't have a port that it wants, naming who has it, when an edge is there that doesn't
    publish the wanted ports (it serves other apps too), or when its Caddy is too old. What was made for nothing goes.
    """
    found = find(engine)
    if found is None:
        _make(engine, settings)
    elif found["State"] != "running":
        path = f"/containers/{found['Id']}/start"
        _or_who_is_in_the_way(engine, settings, lambda: engine.call("POST", path))
    started = found if found and found["State"] == "running" else find(engine)  # which has ports and addresses only now
    if started is None:
        raise EngineError("The edge was started and is gone again.", hint="docker ps -a on the server tells")
    if (started.get("Labels") or {}).get(
        f"{LABEL}.edge"
    ) != RESTART:  # of an older version, which a power cut would have ended
        engine.call("POST", f"/containers/{started['Id']}/update", {"RestartPolicy": {"Name": RESTART}})
    published = {port["PublicPort"] for port in started.get("Ports") or () if port.get("PublicPort")}
    missing = {settings.http, settings.https} - {0} - published
    if published and missing:
        raise CheckError(
            f"The edge publishes {_ports(published)}, not {_ports(missing)}.",
            hint="set edge.http and edge.https to what it has, or recreate it in a quiet hour",
        )
    return started


def _make(engine: Engine, settings: EdgeSettings) -> None:
    labels = {f"{LABEL}.edge": "true"}
    networks.ensure(engine, NETWORK, settings.networks, prefix=networks.EDGE_PREFIX, labels=labels)
    engine.call("POST", "/volumes/create", {"Name": VOLUME, "Labels": labels})
    kernel = _version(engine.get("/info").get("KernelVersion", ""))
    project = _project(settings, migrates=kernel >= MIGRATING_KERNEL)
    try:
        _or_who_is_in_the_way(engine, settings, lambda: compose.up(engine.socket, project, {}))
    except TagshipError:
        _unmake(engine, running=False)  # one that runs is somebody else's, who was quicker
        raise
    shell = Shell(engine, NAME)
    try:
        refuse_old(shell.run("caddy version").decode())
    except CheckError:
        _unmake(engine, running=True)
        raise
    finally:
        shell.close()


def _unmake(engine: Engine, *, running: bool) -> None:
    """Remove what was made for nothing; the volume stays: it may be older, and holds what is live."""
    for path in (f"/containers/{NAME}", f"/networks/{NETWORK}"):
        with contextlib.suppress(EngineError):
            engine.call("DELETE", path, force=running)


def _or_who_is_in_the_way(engine: Engine, settings: EdgeSettings, start: Callable[[], object]) -> None:
    """Start the edge. Raises CheckError naming who has its ports, where that is why it can't."""
    try:
        start()
    except TagshipError as error:
        for port in sorted({settings.http, settings.https} - {0}):
            if who := ports.holder(engine, port, settings.image):
                raise CheckError(
                    f"Port {port} of the server is taken: by {who}.",
                    hint=f"stop it, or give the edge another port: edge.{'http' if port == settings.http else 'https'}",
                ) from error
        raise


def refuse_old(version: str) -> None:
    """Raises CheckError when the edge's Caddy can't do what we need: read which release is live from a file."""
    if (0,) < _version(version) < OLDEST_CADDY:
        raise CheckError(
            f"The edge runs Caddy {version.split(maxsplit=1)[0]}, which can't read from a file which release is live.",
            hint="2.8 or later is needed: edge.image; `docker pull` it on the server where a tag like caddy:2 is old",
        )


def _version(text: str) -> tuple[int, ...]:
    """Major and minor of a text that begins with a version; (0,) of any other."""
    found = re.match(r"v?(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2])) if found else (0,)


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
            # once for each container: the program takes a while to start
            f"[ -s {_CADDY} ] || caddy version > {_CADDY} 2>/dev/null; cat {_CADDY} 2>/dev/null",
        ]
        script = "\n".join(f"{part}; printf '{_SEPARATOR}'" for part in parts)
        said = (
            self._shell.run(f"{_made(folder)}\n{script}" if prepare else script)
            .decode(errors="replace")
            .split(_SEPARATOR)
        )
        live, record, key, ledger, disk, memory, served, caddy = said[:8]
        return Files(
            live=live.strip(),
            record=record.encode(),
            key=key.strip().encode(),
            ledger=tuple(ledger.splitlines()),
            disk_free=int(disk.split()[3]) * 1024,
            memory_free=int(memory.split()[1]) * 1024,
            caddy=caddy.strip(),
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

    def lines(self) -> tuple[str, ...]:
        """The whole ledger."""
        said = self._shell.run(f"cat {quote(f'{self._folder}/ledger.jsonl')} 2>/dev/null || true")
        return tuple(said.decode(errors="replace").splitlines())

    def record(self, release: str) -> bytes:
        """What was kept of a release; empty when nothing was."""
        return self._shell.run(f"cat {quote(f'{self._folder}/releases/{release}.json')} 2>/dev/null || true")

    def requests_in_flight(self, release: str) -> int | None:
        """How many requests the edge is still passing to a release.

        None where it doesn't tell one release from another: before 2.11.2, Caddy counts by what the configuration says
        alone, `{file…}`; since then it counts by what was dialled, too.
        """
        _, _, upstreams = self._admin("GET", "/reverse_proxy/upstreams")
        counts: dict[str, int] = {item["address"]: item["num_requests"] for item in upstreams or ()}
        dialled = {address: count for address, count in counts.items() if not address.startswith("{")}
        if not dialled and any(counts.values()):
            return None
        return sum(count for address, count in dialled.items() if address.startswith(f"{release}-"))

    def connections(self, addresses: Sequence[str]) -> int:
        """How many connections the edge has to IPv4 addresses: one for each request, for a second after it, too."""
        if not addresses:
            return 0
        theirs = "|".join(ipaddress.ip_address(address).packed[::-1].hex().upper() for address in addresses)
        established = f"grep -cE ' ({theirs}):[0-9A-F]{{4}} 01 ' /proc/net/tcp || true"
        return int(self._shell.run(established).strip() or 0)

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
            change = _asking("PATCH", _SERVED, changed, answer[1])
            status, _, said = _parsed(self._shell.run(_announced(change) if sites.announces(http) else change))
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


def _announced(change: str) -> str:
    """Script that has clients end their connections in good order before a change that would close them on their heads.

    For a while each answer says that its connection ends with it, so that the next request comes on a new one.
    """
    ending, kept = (replace_file(routes.CONNECTION_FILE, word) for word in (b"close", b"keep-alive"))
    return f"{ending}; sleep {ANNOUNCED}; {change}; {kept}"


def _application(answer: tuple[int, str, Any]) -> routes.Json:
    """Caddy's HTTP application as its admin API told it; empty when that was no answer."""
    status, _, said = answer
    return said if status == HTTPStatus.OK and isinstance(said, dict) else {}


def _made(folder: str) -> str:
    """Script that makes an environment's folder and its keys, once."""
    return (
        f"mkdir -p {folder}/releases && chmod 700 {folder}\n"
        f"[ -s {routes.CONNECTION_FILE} ] || printf keep-alive > {routes.CONNECTION_FILE}\n"
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


def _project(settings: EdgeSettings, *, migrates: bool) -> dict[str, Any]:
    """The edge's own Compose project; `migrates`: whether the kernel can hand connections from socket to socket."""
    config = json.dumps(routes.server_config(settings.http, settings.https, settings.tls)).replace("$", "$$")
    published = [(settings.http, 80, "tcp"), (settings.https, 443, "tcp"), (settings.https, 443, "udp")]
    return {
        "name": NAME,
        "services": {
            "caddy": {
                "image": settings.image,
                "container_name": NAME,
                "command": ["caddy", "run", "--config", "/etc/tagship/edge.json", "--resume"],
                "labels": {f"{LABEL}.edge": RESTART},
                "restart": RESTART,
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
                # a new configuration listens on sockets of its own: what waits on the old ones goes over to them
                **({"sysctls": {"net.ipv4.tcp_migrate_req": "1"}} if migrates else {}),
            }
        },
        "networks": {"edge": {"name": NETWORK, "external": True}},
        "volumes": {VOLUME: {"name": VOLUME, "external": True}, "data": None, "config": None},
        "configs": {"edge": {"content": config}},
    }
