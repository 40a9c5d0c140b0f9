"""The trivial application, shipped to a server that is as far away as is asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.delay import DelayingProxy
from tests.hello import Hello
from tests.rig import Host, Rig
from tests.rig.network import GATEWAY

SSH_PORT = 22
ENVIRONMENT = "far"


@contextmanager
def far_away(host: Host) -> Iterator[DelayingProxy]:
    """A way to a host's sshd that takes as long as its `round_trip` says; 0 to begin with."""
    with DelayingProxy(GATEWAY, (host.address, SSH_PORT)) as proxy:
        yield proxy


def url(proxy: DelayingProxy, host: Host) -> str:
    """The host's engine by that way."""
    return f"{host.ssh_url.replace(host.address, GATEWAY)}:{proxy.port}"


def known_hosts(proxy: DelayingProxy, host: Host, folder: Path) -> Path:
    """A file with the host's key under the proxy's address."""
    file = folder / f"known_hosts-{proxy.port}"
    file.write_text(f"[{GATEWAY}]:{proxy.port} {host.known.partition(' ')[2]}\n")
    return file


def app(rig: Rig, host: Host, proxy: DelayingProxy, folder: Path, name: str) -> Hello:
    """The application, with the environment ENVIRONMENT."""
    hello = Hello(rig, folder, name)
    hello.settings["environments"] = {ENVIRONMENT: {"engine": url(proxy, host), "url": f"http://{host.address}"}}
    hello.environment["TAGSHIP_KNOWN_HOSTS"] = os.fspath(known_hosts(proxy, host, folder.parent))
    return hello
