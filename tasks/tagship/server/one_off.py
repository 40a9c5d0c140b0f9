"""Runs a command in a container of its own, made like a live one: its image, variables, secrets, volumes, networks."""

import io
import os
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any

from tagship.edge.caddy import NETWORK
from tagship.engine import archives
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.errors import EngineError, StoppedError, TagshipError
from tagship.names import RUN_BY, Place
from tagship.release.model import Record, Sources
from tagship.server import attached
from tagship.server.guard import MARK, Guard
from tagship.system.parallel import ahead

_HEAD_WITHIN = 30.0
"""Seconds in which an engine begins to answer; after them, the command is started in any case."""
_KEPT = ("Env", "User", "WorkingDir", "StopSignal", "StopTimeout", "Domainname", "Entrypoint")
_COUNTED = ("com.docker.compose.container-number", "com.docker.compose.config-hash", "com.docker.compose.depends_on")
"""Labels by which Compose counts and compares a service's containers."""


class OneOff:
    """A command in a container of its own."""

    def __init__(self, engine: Engine, place: Place, like: Container, record: Record | None, who: str) -> None:
        self._engine = engine
        self._place = place
        self._like = like
        self._record = record
        self._who = who
        self.token = secrets.token_hex(3)
        """Its name's last part."""

    def detached(self, argv: Sequence[str]) -> None:
        """Start it and leave it running. It is removed with its release."""
        container = self._created(argv, {"AutoRemove": False}, tty=False, stdin=False)
        self._engine.call("POST", f"/containers/{container}/start")

    def run(self, argv: Sequence[str], *, tty: bool) -> int:
        """Run it to its end, with this process's input and output. Returns its exit code, and leaves nothing behind.

        Ended early by a signal or a broken connection, it doesn't go on there (`guard`).
        """
        with Guard(self._engine, self._place) as guard:
            host = {"AutoRemove": True, "PidMode": f"container:{guard.id}"}
            container = self._created(argv, host, tty=tty, stdin=True)
            stream = self._engine.attach(container, output=True)
            waits = Event()
            ended = ahead(partial(self._exit_code, container, waits))
            waits.wait(_HEAD_WITHIN)
            try:
                self._engine.call("POST", f"/containers/{container}/start")
                resize = partial(_resize, self._engine, f"/containers/{container}/resize")
                attached.passed_on(self._engine, stream, tty=tty, resize=resize)
                return ended()
            except StoppedError:
                with suppress(EngineError):  # it has just ended
                    self._engine.call("POST", f"/containers/{container}/kill", signal="SIGINT")
                guard.close()
                guard.wait()
                raise
            except EngineError:
                self._remove(container)
                raise
            finally:
                stream.close()

    def _exit_code(self, container: str, waits: Event) -> int:
        """The code, when it has ended. Sets `waits` as soon as the engine waits for that.

        Until then it isn't started: the container of a quick command is gone before a later call would find it.
        """
        try:
            with self._engine.opened("POST", f"/containers/{container}/wait", condition="next-exit") as answer:
                waits.set()
                return int([*answer][-1]["StatusCode"])
        finally:
            waits.set()

    def _remove(self, container: str) -> None:
        with suppress(TagshipError):
            self._engine.call("DELETE", f"/containers/{container}", force=True, v=True)

    def _created(self, argv: Sequence[str], host: Mapping[str, Any], *, tty: bool, stdin: bool) -> str:
        found = self._engine.get(f"/containers/{self._like.id}/json")
        wanted = wanted_container(found, argv, host, who=self._who, tty=tty, stdin=stdin)
        container: str = self._engine.call(
            "POST", "/containers/create", wanted, name=f"{self._like.project}-{self._like.service}-run-{self.token}"
        )["Id"]
        try:
            for network in others(found, wanted["HostConfig"]["NetworkMode"]):
                body = {"Container": container, "EndpointConfig": {"Aliases": []}}
                self._engine.call("POST", f"/networks/{network}/connect", body)
            sources = self._record.release.sources if self._record else None
            copy_files(self._engine, self._like.id, container, files(sources, self._like.service))
        except TagshipError:
            self._remove(container)
            raise
        return container


def copy_files(engine: Engine, source: str, target: str, paths: Sequence[str]) -> None:
    """Copy files, as the configs and secrets that Compose put into a container, into another one."""
    entries = [entry for path in paths for entry in _file(engine, source, path)]
    if entries:
        engine.put_archive(target, "/", archives.pack(entries))


def _file(engine: Engine, container: str, path: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    with engine.archive(container, path) as stream:
        packed = io.BytesIO(stream.read())
    with tarfile.open(fileobj=packed) as tar:
        for entry in tar:
            if file := tar.extractfile(entry):
                entry.name = path.lstrip("/")
                yield entry, file.read()


def wanted_container(  # noqa: PLR0913 - whose, what and how
    found: Mapping[str, Any], argv: Sequence[str], host: Mapping[str, Any], *, who: str, tty: bool, stdin: bool
) -> dict[str, Any]:
    """What to create, from what the engine says of a service's container: the same, but for what only one can have.

    Those are its name, address, published ports, healthcheck and restarts. Pure.
    """
    config, same = found["Config"], dict(found["HostConfig"])
    network = found["HostConfig"]["NetworkMode"]
    same |= {"PortBindings": {}, "PublishAllPorts": False, "RestartPolicy": {"Name": "no"}, "Links": None}
    same.pop("ContainerIDFile", None)
    labels = {name: value for name, value in (config.get("Labels") or {}).items() if name not in _COUNTED}
    return {
        **{key: config[key] for key in _KEPT if config.get(key)},
        "Image": found["Image"],
        "Cmd": list(argv),
        "Tty": tty,
        "OpenStdin": stdin,
        "StdinOnce": stdin,
        "AttachStdin": stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {**labels, "com.docker.compose.oneoff": "True", RUN_BY: who},
        "HostConfig": {**same, "NetworkMode": network, **host},
    }


def others(found: Mapping[str, Any], network: str) -> list[str]:
    """The container's other networks; not the edge's, from which nothing should reach a one-off."""
    named = (found.get("NetworkSettings") or {}).get("Networks") or {}
    return [name for name in named if name not in {network, NETWORK}]


def files(sources: Sources | None, service: str) -> list[str]:
    """Where a service's configs and secrets are in its containers."""
    settings = sources.model["services"].get(service, {}) if sources else {}
    return [
        (use.get("target") or use["source"])
        if str(use.get("target") or "").startswith("/")
        else folder + (use.get("target") or use["source"])
        for kind, folder in (("configs", "/"), ("secrets", "/run/secrets/"))
        for use in settings.get(kind) or ()
    ]


def _resize(engine: Engine, path: str, rows: int, columns: int) -> None:
    engine.call("POST", path, h=rows, w=columns)


def in_container(  # noqa: PLR0913 - what to run, where, and how
    engine: Engine,
    place: Place,
    container: str,
    argv: Sequence[str],
    *,
    tty: bool,
    environment: Mapping[str, str] | None = None,
    user: str = "",
) -> int:
    """Run a command in a running container, with this process's input and output. Returns its exit code.

    Ended early, it doesn't go on there. Raises EngineError, for example if the container lacks the program.
    """
    mark = secrets.token_hex(8)
    term = {"TERM": os.environ.get("TERM", "xterm")} if tty else {}
    given = {MARK: mark, **term, **(environment or {})}
    with Guard(engine, place, beside=container, mark=mark) as guard:
        stream = engine.hijack(container, list(argv), given, user, tty=tty)
        stream.limit(None)  # nobody has to type, or to print, within a time
        try:
            resize: Callable[[int, int], object] = partial(_resize, engine, f"/exec/{stream.id}/resize")
            attached.passed_on(engine, stream, tty=tty, resize=resize)
            code = engine.exit_code(stream)
            guard.dismiss()
        except StoppedError:
            guard.close()
            guard.wait()
            raise
        finally:
            stream.close()
    return code
