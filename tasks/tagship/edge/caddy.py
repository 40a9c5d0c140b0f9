"""Finds, creates and checks the edge: Caddy on the server, one container for all its apps."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from tagship.edge import routes
from tagship.edge.shell import Shell
from tagship.engine import archives, compose, networks, ports
from tagship.engine.client import Engine
from tagship.engine.images import image
from tagship.errors import CheckError, EngineError, TagshipError
from tagship.names import LABEL, Place
from tagship.project.schema import EdgeSettings

NAME = "tagship-edge"
NETWORK = "0-tagship"
"""Sorts before any other network's name, because old engines give published ports to the first network by name."""
VOLUME = "tagship"


RESTART = "always"
"""The restart policy. After a kill, old engines don't restart `unless-stopped` containers. The label holds it, too."""
OLDEST_CADDY = (2, 8)
"""The first version with the placeholder `{file.…}`."""
_ID_IN_USE = "id already in use"
"""What an engine says that lost its power, and didn't forget that the container ran."""
_FORGETTING = (0.5, 1.0, 2.0)
"""Seconds between the attempts to start it."""
MIGRATING_KERNEL = (5, 14)
"""The first Linux with net.ipv4.tcp_migrate_req."""


def find(engine: Engine) -> dict[str, Any] | None:
    """The edge's container as the engine lists it, or None."""
    found = engine.get("/containers/json", all=True, filters={"label": [f"{LABEL}.edge"]})
    return cast("dict[str, Any]", found[0]) if found else None


def refuse_unreachable(url: str, settings: EdgeSettings) -> None:
    """Raises CheckError for a URL that the edge has no port for.

    If the URL has no port, the default one may be another machine's; a port in the URL must be the edge's, unless
    another proxy is before it.
    """
    address = urlsplit(url)
    if settings.behind:
        if not settings.http:
            raise CheckError("What is before the edge reaches it by HTTP, but edge.http is 0.", hint="set it to a port")
        return
    port = settings.https if address.scheme == "https" else settings.http
    if not port:
        raise CheckError(f"{url} needs edge.{address.scheme}, which is 0.", hint="set it to a port, or change `url`")
    if address.port and address.port != port:
        raise CheckError(
            f"{url} has port {address.port}, but the edge publishes {port} for {address.scheme}.",
            hint=f"set edge.{address.scheme} to {address.port}, or change `url`",
        )


def live_of_stopped(engine: Engine, container: str, place: Place) -> str:
    """The live release in the files of a stopped edge; empty if there is none."""
    try:
        return archives.read(engine, container, f"{routes.STATE}/{place}/live").decode().strip()
    except EngineError:
        return ""


def ensure(engine: Engine, settings: EdgeSettings, found: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The running edge's container, as the engine lists it; created with its network and volume if necessary.

    `found`: the edge as it was listed a moment ago.

    Raises CheckError if a port is in use (and names its user), if an existing edge doesn't publish the wanted ports (it
    serves other apps, too), or if its Caddy is too old. Removes what it created in vain.
    """
    found = found or find(engine)
    if found is None:
        _make(engine, settings)
    elif found["State"] != "running":
        _start(engine, settings, found["Id"])
    started = found if found and found["State"] == "running" else find(engine)  # which has ports and addresses only now
    if started is None:
        raise EngineError("The edge was started but is gone again.", hint="run `docker ps -a` on the server")
    if (started.get("Labels") or {}).get(
        f"{LABEL}.edge"
    ) != RESTART:  # of an older version, which a power cut would have ended
        engine.call("POST", f"/containers/{started['Id']}/update", {"RestartPolicy": {"Name": RESTART}})
    published = {port["PublicPort"] for port in started.get("Ports") or () if port.get("PublicPort")}
    missing = {settings.http, settings.https} - {0} - published
    if published and missing:
        raise CheckError(
            f"The edge publishes {_ports(published)}, not {_ports(missing)}.",
            hint="set edge.http and edge.https to its ports, or recreate it at a quiet time",
        )
    return started


def remove(engine: Engine) -> None:
    """Remove the edge and its network; its volume, with certificates and records, stays."""
    _unmake(engine, running=True)


def _make(engine: Engine, settings: EdgeSettings) -> None:
    labels = {f"{LABEL}.edge": "true"}
    networks.ensure(engine, NETWORK, settings.networks, prefix=networks.EDGE_PREFIX, labels=labels)
    engine.call("POST", "/volumes/create", {"Name": VOLUME, "Labels": labels})
    kernel = _version(engine.get("/info").get("KernelVersion", ""))
    project = _project(settings, migrates=kernel >= MIGRATING_KERNEL)
    try:
        _or_who_is_in_the_way(engine, settings, lambda: compose.up(engine.socket, project, {}))
    except TagshipError as error:
        _unmake(engine, running=False)  # if it runs, it belongs to another deploy that was faster
        if not isinstance(error, CheckError) and image(engine, settings.image) is None:
            raise CheckError(
                f"The server can't get the edge's image {settings.image}: {error.problem.splitlines()[-1].strip()}",
                hint="set edge.image to one that it can pull, or `docker load` it there",
            ) from error
        raise
    shell = Shell(engine, NAME)
    try:
        refuse_old(shell.run("caddy version").decode())
    except CheckError:
        _unmake(engine, running=True)
        raise
    finally:
        shell.close()


def _start(engine: Engine, settings: EdgeSettings, container: str) -> None:
    """Start a stopped edge; make it anew if the engine still holds its id after a power cut, as old engines may."""
    for pause in (*_FORGETTING, None):
        try:
            _or_who_is_in_the_way(engine, settings, lambda: engine.call("POST", f"/containers/{container}/start"))
        except EngineError as error:
            if _ID_IN_USE not in error.problem:
                raise
        else:
            return
        if pause:
            time.sleep(pause)
    engine.call("DELETE", f"/containers/{container}", force=True)  # its volumes stay
    _make(engine, settings)


def _unmake(engine: Engine, *, running: bool) -> None:
    """Remove what was created in vain. The volume stays, because it may be older and hold state."""
    for path in (f"/containers/{NAME}", f"/networks/{NETWORK}"):
        with contextlib.suppress(EngineError):
            engine.call("DELETE", path, force=running)


def _or_who_is_in_the_way(engine: Engine, settings: EdgeSettings, start: Callable[[], object]) -> None:
    """Start the edge. Raises CheckError with the user of its port, if that is why it can't start."""
    try:
        start()
    except TagshipError as error:
        if _ID_IN_USE in error.problem:
            raise
        for port in sorted({settings.http, settings.https} - {0}):
            if who := ports.holder(engine, port, settings.image):
                raise CheckError(
                    f"Port {port} of the server is in use by {who}.",
                    hint=f"stop it, or give the edge another port: edge.{'http' if port == settings.http else 'https'}",
                ) from error
        raise


def refuse_old(version: str) -> None:
    """Raises CheckError if the edge's Caddy can't read from a file which release is live."""
    if (0,) < _version(version) < OLDEST_CADDY:
        raise CheckError(
            f"The edge runs Caddy {version.split(maxsplit=1)[0]}, which can't read from a file which release is live.",
            hint="set edge.image to 2.8 or later; `docker pull` an outdated tag such as caddy:2 on the server",
        )


def _version(text: str) -> tuple[int, ...]:
    """Major and minor version at the beginning of a text; (0,) if there is none."""
    found = re.match(r"v?(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2])) if found else (0,)


def _ports(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports))) or "no port"


def _project(settings: EdgeSettings, *, migrates: bool) -> dict[str, Any]:
    """The edge's Compose project; `migrates`: whether the kernel can move connections between sockets."""
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
                    {
                        "published": str(port),
                        "target": target,
                        "protocol": protocol,
                        **({"host_ip": settings.bind} if settings.bind else {}),
                    }
                    for port, target, protocol in published
                    if port
                ],
                "volumes": [f"{VOLUME}:{routes.STATE}", "data:/data", "config:/config"],
                "logging": {"driver": "json-file", "options": {"max-size": "20m", "max-file": "5"}},
                "stop_grace_period": "40s",
                # a new configuration opens new sockets, and connections that wait on the old ones move there
                **({"sysctls": {"net.ipv4.tcp_migrate_req": "1"}} if migrates else {}),
            }
        },
        "networks": {"edge": {"name": NETWORK, "external": True}},
        "volumes": {VOLUME: {"name": VOLUME, "external": True}, "data": None, "config": None},
        "configs": {"edge": {"content": config}},
    }
