"""A connected environment: its engine, its lock, its files."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

from tagship.edge import caddy
from tagship.edge.shell import Shell
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.errors import TagshipError
from tagship.images import embedded
from tagship.images.credentials import Credentials, known
from tagship.images.registry import split
from tagship.names import Holder, Place
from tagship.project.schema import Environment
from tagship.server.foresight import Preview
from tagship.server.lease import Lease
from tagship.server.migration import BackUp
from tagship.server.target import LockedServer
from tagship.system.parallel import ahead
from tagship.system.signals import interruptible, uninterrupted

FRESH = 5.0
"""Seconds. After a longer wait for the lock, look for the edge again, because another deploy may have recreated it."""


@dataclass
class Session:
    """A connected environment: its engine and its settings."""

    engine: Engine
    settings: Environment

    @property
    def place(self) -> Place:
        """The app and environment that everything is named after."""
        return self.settings.place

    @cached_property
    def credentials(self) -> Credentials:
        """Looks up credentials for the registries of its images."""
        prefix = embedded.prefix(self.place.app) if self.settings.registry == "embedded" else self.settings.registry
        return known(split(f"{prefix}/x")[0])

    @contextmanager
    def locked(self, holder: Holder, *, wait: float = 0, back_up: BackUp | None = None) -> Iterator[LockedServer]:
        """The environment with its lock held and its edge running. Raises LockedError, CheckError.

        `back_up` is called before migrations are applied.
        """
        caddy.refuse_unreachable(self.settings.url, self.settings.edge)
        # a signal ends what is done with the lock, and must not keep that from being given back
        with uninterrupted(), ExitStack() as stack, interruptible():
            # while taking the lock, look for the edge and open a shell in it
            found, early = ahead(lambda: caddy.find(self.engine)), ahead(lambda: Shell(self.engine, caddy.NAME))
            stack.callback(_close, early)
            began = time.monotonic()
            lease = Lease(self.engine, self.place, holder, wait=wait)
            stack.push(lease)  # first, because a signal may come as soon as it is taken
            lease.__enter__()
            fresh = time.monotonic() - began < FRESH
            container = caddy.ensure(self.engine, self.settings.edge, found() if fresh else None)
            shell = _opened(early) if f"/{caddy.NAME}" in container["Names"] else None
            reached = Edge(shell or Shell(self.engine, container["Id"]), self.place, self.settings.edge.behind)
            stack.callback(reached.close)
            yield LockedServer(
                self.engine, reached, self.settings, edge_container=container, lease=lease,
                credentials=self.credentials, back_up=back_up,
            )  # fmt: skip

    @contextmanager
    def looked_at(self) -> Iterator[Preview]:
        """The environment, to make a plan without changing anything."""
        with self.files() as files:
            yield Preview(self.engine, files, self.settings, self.credentials)

    @contextmanager
    def files(self) -> Iterator[Edge | None]:
        """The environment's files, to read without changing anything; None without a running edge."""
        early = ahead(lambda: Shell(self.engine, caddy.NAME))  # while looking for the edge
        try:
            container = caddy.find(self.engine)
            if container is None or container["State"] != "running":
                yield None
                return
            shell = _opened(early) if f"/{caddy.NAME}" in container["Names"] else None
            reached = Edge(shell or Shell(self.engine, container["Id"]), self.place, self.settings.edge.behind)
            try:
                yield reached
            finally:
                reached.close()
        finally:
            _close(early)


def _opened(shell: Callable[[], Shell]) -> Shell | None:
    """A shell that was opened in advance; None if that failed because the edge doesn't exist or run."""
    try:
        return shell()
    except TagshipError:
        return None


def _close(early: Callable[[], Shell]) -> None:
    if shell := _opened(early):
        shell.close()
