"""Checks an environment from outside: its name, its certificate, and ports that nobody should reach."""

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from tagship.errors import CheckError, plain
from tagship.names import LABEL
from tagship.project.schema import Environment
from tagship.setup.report import Check, bad, good, unknown
from tagship.system.parallel import together

WITHIN = 3.0
"""Seconds for one connection."""
LEAST_DAYS = 14
"""Caddy renews a certificate of 90 days when 30 are left; with fewer than 14, it has failed for two weeks."""


class Answer(Enum):
    """What a machine does when somebody connects to a port."""

    OPEN = "open"
    CLOSED = "closed"
    SILENT = "silent"
    """It doesn't answer, as behind a firewall."""


def name(settings: Environment) -> Iterator[Check]:
    """Whether the URL's host leads to the server."""
    host, engine = urlsplit(settings.url).hostname or "", urlsplit(settings.engine).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        yield good("dns", f"{host} is this machine")
        return
    found = _addresses(host)
    if host in found:
        yield good("dns", f"{host} needs no name")
    elif not found:
        secure = " and it gets no certificate" if settings.url.startswith("https:") else ""
        text = f"{host} has no address, so nobody finds it{secure}."
        yield bad("dns", text, "add an A record for it that leads to the server", CheckError)
    elif settings.edge.behind:
        yield good("dns", f"{host} is {', '.join(sorted(found))}, where a proxy is before the edge")
    elif engine and not found & (theirs := _addresses(engine)):
        others = ", ".join(sorted(theirs)) or engine
        text = f"{host} is {', '.join(sorted(found))}, but SSH goes to {others}: right only behind a load balancer."
        yield unknown("dns", text, "check the A record")
    else:
        yield good("dns", f"{host} is {', '.join(sorted(found))}")


def certificate(settings: Environment, *, edge: bool) -> Iterator[Check]:
    """Whether the URL has a certificate that this machine trusts, and for how long. `edge`: whether one runs."""
    url = urlsplit(settings.url)
    if url.scheme != "https":
        return
    host, port = url.hostname or "", url.port or 443
    log = "read the edge's log: docker logs tagship-edge"
    todo = "renew it at the proxy before the edge" if settings.edge.behind else log
    try:
        with socket.create_connection((host, port), WITHIN) as raw:
            wrapped = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
            with wrapped:
                expires = ssl.cert_time_to_seconds(str((wrapped.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        text = f"{host} shows a certificate that isn't valid: {error.verify_message}."
        yield bad("certificate", text, todo, CheckError)
        return
    except (OSError, KeyError, UnicodeError) as error:
        if edge:
            text = f"{host}:{port} doesn't answer: {plain(error)}."
            yield bad("certificate", text, "open the port in the firewall", CheckError)
        else:
            yield unknown("certificate", "There is no edge yet; it gets a certificate with the first deploy.")
        return
    left = int((expires - dt.datetime.now(dt.UTC).timestamp()) // 86400)
    if left < LEAST_DAYS:
        text = f"{host}'s certificate ends in {left} days, and nobody has renewed it."
        yield bad("certificate", text, todo, CheckError)
    else:
        yield good("certificate", f"valid for {left} days")


def exposed(settings: Environment, listed: Iterable[Mapping[str, Any]]) -> Iterator[Check]:
    """Ports that containers besides the edge publish, tried from here. `listed`: the engine's containers."""
    host = urlsplit(settings.engine).hostname
    if not host:
        return
    ports = sorted({(port, name) for each in listed for port, name in _published(each)})
    tried = together(lambda item: _tried(host, item[0]), ports)
    for (port, name), answer in zip(ports, tried, strict=True):
        if answer is Answer.OPEN:
            text = f"Port {port} of {name} can be reached from here: Docker publishes it past ufw."
            todo = f"publish it at 127.0.0.1:{port} only, or not at all"
            yield bad("open ports", text, todo, CheckError)
    if Answer.OPEN not in tried:
        text = f"no port of {len(ports)} that containers publish" if ports else "only the edge publishes ports"
        yield good("open ports", f"{text} can be reached from here" if ports else text)


def free(settings: Environment) -> Iterator[Check]:
    """Whether the edge's ports are free, where there is no edge yet."""
    host = urlsplit(settings.engine).hostname or "127.0.0.1"
    ports = sorted({settings.edge.http, settings.edge.https} - {0})
    tried = [_tried(host, port) for port in ports]
    for port, answer in zip(ports, tried, strict=True):
        if answer is Answer.OPEN:
            todo = "stop what listens there, or give the edge another port: `edge` in tagship.yml"
            yield bad("edge", f"Port {port} of {host} is taken, although no edge runs.", todo, CheckError)
            return
    silent = " and ".join(str(port) for port, answer in zip(ports, tried, strict=True) if answer is Answer.SILENT)
    if silent:
        text = f"There is none yet, and {host} doesn't answer at {silent} at all, so a firewall may close that."
        yield unknown("edge", text, "open it, unless that firewall lets the site's visitors through")
    else:
        yield good("edge", "not there yet: the first deploy starts it, and its ports are free")


def _published(container: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    if f"{LABEL}.edge" in (container.get("Labels") or {}):
        return
    for port in container.get("Ports") or ():
        address = port.get("IP", "")
        if port.get("PublicPort") and port.get("Type") == "tcp" and not (address and _loopback(address)):
            yield int(port["PublicPort"]), container["Names"][0].lstrip("/")


def _loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _tried(host: str, port: int) -> Answer:
    try:
        with socket.create_connection((host, port), WITHIN):
            return Answer.OPEN
    except ConnectionRefusedError:
        return Answer.CLOSED
    except (OSError, UnicodeError):  # the latter for a host that can be no name: a..b
        return Answer.SILENT


def _addresses(host: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()
