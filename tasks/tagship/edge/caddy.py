"""The edge: Caddy on the server, one container for all its apps, and the files and routes an environment has there."""

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from tagship.edge import routes
from tagship.edge.shell import Shell
from tagship.engine import archives, compose, networks, ports
from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError, TagshipError
from tagship.names import LABEL, Place
from tagship.project.schema import EdgeSettings

NAME = "tagship-edge"
NETWORK = "0-tagship"
"""Sorts before any other network's name: old engines give the first by name the published ports."""
VOLUME = "tagship"


RESTART = "always"
"""Restart policy: old engines leave what has `unless-stopped` stopped when they were killed. The label says it, too."""
OLDEST_CADDY = (2, 8)
"""The first that has the placeholder `{file.…}`."""
MIGRATING_KERNEL = (5, 14)
"""The first Linux with net.ipv4.tcp_migrate_req."""


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
        return archives.read(engine, container, f"{routes.STATE}/{place}/live").decode().strip()
    except EngineError:
        return ""


def ensure(engine: Engine, settings: EdgeSettings, found: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The running edge's container, as the engine lists it; made, with its network and volume, where there is none.

    `found`: the same as it was listed a moment ago.

    Raises CheckError when it can't have a port that it wants, naming who has it, when an edge is there that doesn't
    publish the wanted ports (it serves other apps too), or when its Caddy is too old. What was made for nothing goes.
    """
    found = found or find(engine)
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
