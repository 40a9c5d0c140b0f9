"""Picks the real adapters for an environment, importing what is heavy only when it is used."""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tagship.engine.client import Engine
from tagship.images import embedded
from tagship.images import push as builder
from tagship.images.credentials import Credentials, known
from tagship.images.registry import split
from tagship.project import file as config_file
from tagship.project.schema import Config, Environment, Settings
from tagship.release.model import Place
from tagship.server import edge
from tagship.server.edge import Edge
from tagship.server.lease import Holder, Lease
from tagship.server.ssh import Tunnel
from tagship.server.target import Server
from tagship.system import scratch

CONFIG = "TAGSHIP_CONFIG"


def config() -> Config:
    """tagship.yml of the current directory or the next one above, or the file that TAGSHIP_CONFIG names."""
    return config_file.load(config_path())


def config_path() -> Path:
    """Where the configuration is read from, looked for upwards as git does; all paths start at its folder."""
    if named := os.environ.get(CONFIG):
        return Path(named)
    here = Path.cwd()
    found = next((f for above in (here, *here.parents) if (f := above / config_file.FILE).is_file()), None)
    return Path(os.path.relpath(found)) if found else Path(config_file.FILE)


def folder() -> Path:
    """The project's folder."""
    return config_path().resolve().parent


@contextmanager
def local_engine() -> Iterator[Engine]:
    """This machine's engine."""
    engine = Engine(builder.local_socket())
    engine.connect()
    try:
        yield engine
    finally:
        engine.close()


@dataclass
class Session:
    """An environment within reach: its engine, and what to name things there."""

    engine: Engine
    place: Place
    settings: Environment

    @cached_property
    def credentials(self) -> Credentials:
        """What is known of the registries that its images come from."""
        prefix = embedded.prefix(self.place.app) if self.settings.registry == "embedded" else self.settings.registry
        return known(split(f"{prefix}/x")[0])

    @contextmanager
    def target(self, lease: Lease) -> Iterator[Server]:
        """The environment to apply plans to, its edge running."""
        edge.refuse_unreachable(self.settings.url, self.settings.edge)
        container = edge.ensure(self.engine, self.settings.edge)
        reached = Edge(self.engine, container["Id"], self.place)
        try:
            yield Server(
                self.engine, reached, self.place, edge_container=container, lease=lease, settings=self.settings,
                credentials=self.credentials,
            )  # fmt: skip
        finally:
            reached.close()

    @contextmanager
    def files(self) -> Iterator[Edge | None]:
        """The environment's files to read, without changing anything; None where there is no edge."""
        container = edge.find(self.engine)
        if container is None or container["State"] != "running":
            yield None
            return
        reached = Edge(self.engine, container["Id"], self.place)
        try:
            yield reached
        finally:
            reached.close()


class Opening:
    """A connection that is being made while other work goes on; closed at the end of its block."""

    def __init__(self, app: str, settings: Environment) -> None:
        self._place = Place(app, settings.name)
        self._settings = settings
        self._stack = ExitStack()
        self._tunnel: Tunnel | None = None
        if settings.engine != "local":
            lends = settings.registry == "embedded"
            self._tunnel = self._stack.enter_context(Tunnel(settings.engine, lends=lends))
        scratch.sweep()

    def session(self) -> Session:
        """Wait for it. Raises ConnectionFailedError."""
        socket = self._tunnel.wait() if self._tunnel else builder.local_socket()
        engine = Engine(socket, self._tunnel)
        self._stack.callback(engine.close)
        engine.connect()
        return Session(engine, self._place, self._settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def connect(app: str, settings: Environment) -> Opening:
    """Start connecting to an environment's engine."""
    return Opening(app, settings)


def holder(doing: str) -> Holder:
    """Who we are: the run in CI, the user and machine elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        run = "/".join(os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
        return Holder(
            os.environ.get("GITHUB_ACTOR", "GitHub Actions"),
            doing,
            f"{run}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}",
        )
    return Holder(f"{getpass.getuser()}@{socket.gethostname()}", doing)


def prepare_registry(settings: Settings, app: str, engine: Engine) -> None:
    """Have the embedded registry run, where that is the one."""
    if settings.registry == "embedded":
        embedded.ensure(engine, app, settings.registry_image)
