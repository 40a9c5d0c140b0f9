"""The rig: a laptop, servers, registries and base images, all real, for the demo and the tests."""

import contextlib
import functools
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig import cleanup, engine, lock
from tests.rig.browser import Browser
from tests.rig.errors import MissingError, RigError
from tests.rig.folder import Folder
from tests.rig.host import Host
from tests.rig.images import Images
from tests.rig.laptop import Laptop, tools
from tests.rig.machine import Machine
from tests.rig.network import Network
from tests.rig.packages import Packages
from tests.rig.registry import Registries, Registry
from tests.rig.s3 import S3
from tests.rig.sentry import Sentry
from tests.rig.shell import together
from tests.rig.vault import Vault

__all__ = [
    "S3", "Browser", "Host", "Laptop", "MissingError", "Registry", "Rig", "RigError", "Sentry", "Vault", "leftovers"
]  # fmt: skip

HOSTS = (engine.NEW, engine.OLD)
PROGRAMS = ("apt-get", "dpkg", "nsenter", "perl", "ssh", "ssh-keygen", "unshare")


class Rig:
    """As a context manager: uses a running rig, or starts one and stops it at the end."""

    def __init__(
        self,
        *,
        hosts: Sequence[str] = HOSTS,
        laptop: str = engine.NEW,
        images: Sequence[str] = (),
        path: Path | None = None,
    ) -> None:
        """Take engine versions for hosts and laptop, and base images to have from the start."""
        refuse_unfit_machine()
        self.folder = Folder(path) if path else Folder.default()
        self._packages = Packages(self.folder)
        self._network = Network(self.folder)
        self._registries = Registries(self.folder)
        self._wanted = tuple(images)
        self._open = contextlib.ExitStack()
        self.laptop = Laptop(self.folder, laptop)
        self.hosts = [Host(self.folder, number, v) for number, v in enumerate(hosts, start=1)]
        self.registry: Registry = self._registries.open
        self.private_registry: Registry = self._registries.private
        self._images = Images(self.folder, self._packages, self.laptop, self.registry)
        self._browser = Browser(self.folder, self._network, self._packages)
        self._sentry = Sentry(self.folder, self._network, self._packages)
        self._s3 = S3(self.folder, self._network)
        self._vault = Vault(self.folder, self._network)

    def __enter__(self) -> Self:
        """Wait for the rig to be free, then use or start it."""
        self._open.enter_context(lock.held())
        try:
            self._ready(stop=self._open)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what __enter__ started."""
        self._open.close()

    def up(self, *, sentry: bool = False) -> None:
        """Start it, unless it runs, and leave it running for whoever comes."""
        with lock.held(), contextlib.ExitStack() as stop:
            self._ready(stop=stop)
            if sentry:
                self._sentry.start()
            self._state.write_text(json.dumps(self._description()))
            stop.pop_all()

    def image(self, name: str) -> str:
        """A base image's full name in the registry; built once, when first asked for."""
        return self._images.reference(name)

    @functools.cached_property
    def sentry(self) -> Sentry:
        """A Sentry server, started when first asked for. Raises MissingError where none can be had."""
        self._sentry.start()
        return self._sentry

    @functools.cached_property
    def s3(self) -> S3:
        """An S3 server, started when first asked for."""
        self._s3.start()
        return self._s3

    @functools.cached_property
    def vault(self) -> Vault:
        """A Vault server, started when first asked for."""
        self._vault.start()
        return self._vault

    @functools.cached_property
    def browser(self) -> Browser:
        """A browser on a machine of its own, started when first asked for."""
        self._browser.start()
        return self._browser

    def sentry_runs(self) -> bool:
        """Whether it was started already."""
        return self._sentry.answers()

    def reset(self, host: Host, *, images: bool = False) -> None:
        """Remove all containers, volumes and networks of a host; its images only if told to."""
        host.engine.reset(images=images)

    def running(self) -> bool:
        """Whether a rig such as we want was left running. Raises RigError when it is of another kind."""
        # Without that note, its owner was killed, and it is to be removed.
        try:
            state = json.loads(self._state.read_text())
        except FileNotFoundError:
            return False
        if not all(machine.alive() for machine in self._machines()):
            return False
        if state != self._description():
            message = f"A rig with other engines runs ({state}): stop it with `python -m tests.rig down`."
            raise RigError(message)
        return True

    def _ready(self, *, stop: contextlib.ExitStack) -> None:
        if not self.running():
            stop.callback(cleanup.down, self.folder)
            self._start()
        together(*(functools.partial(self.image, name) for name in self._wanted))

    def _start(self) -> None:
        cleanup.down(self.folder)
        self.folder.run.mkdir(parents=True)
        self._fetch()
        self._network.up()
        known = [host.known for host in self.hosts]
        together(
            self._registries.start,
            lambda: self.laptop.start(self._network, self._packages, known),
            *(functools.partial(host.start, self._network, self._packages) for host in self.hosts),
        )

    def _fetch(self) -> None:
        versions = {self.laptop.version, *(host.version for host in self.hosts)}
        together(
            self._packages.root,
            *(functools.partial(engine.layers, version, self._packages) for version in versions),
            functools.partial(tools, self._packages),
        )

    @property
    def _state(self) -> Path:
        return self.folder.run / "state.json"

    def _machines(self) -> list[Machine]:
        return [self._registries.machine, self.laptop.machine, *(host.machine for host in self.hosts)]

    def _description(self) -> dict[str, object]:
        return {"laptop": self.laptop.version, "hosts": [host.version for host in self.hosts]}


def leftovers(path: Path | None = None) -> list[str]:
    """What a rig has left on this machine; empty when it is clean."""
    return cleanup.leftovers(Folder(path) if path else Folder.default())


def refuse_unfit_machine() -> None:
    """Raise RigError when this machine can't hold a rig."""
    if sys.platform != "linux" or os.geteuid() != 0:
        message = "The rig makes namespaces of its own: run it as root on Debian or Ubuntu."
        raise RigError(message)
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        message = f"The rig needs {', '.join(missing)}: it runs on Debian and Ubuntu."
        raise RigError(message)
