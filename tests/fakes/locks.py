"""A fake of the engine's behaviour with lock containers."""

import io
import json
import tarfile
import threading
from typing import Any

from tagship.engine.client import Engine
from tagship.names import Holder
from tests.fakes.servers import Answer, Request, Server

NAME = "tagship-lock-shop-staging"
OTHER = Holder("ci", "deploy staging", "https://ci.example.com/1")
"""A holder in CI."""


class Locks:
    """The engine's behaviour with lock containers: one per name, removed by its id."""

    def __init__(self, daemon: Server, engine: Engine) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.image = True
        self.renewed = threading.Event()
        """Set when a lease is renewed."""
        self.events: list[object] = []
        self._engine = engine
        self._count = 0
        self._daemon = daemon
        daemon.answers |= {
            "POST /containers/create": self._create,
            f"GET /containers/{NAME}/json": lambda _: self._look(NAME),
            "POST /images/create": self._load,
            "GET /events": lambda _: Answer(lines=list(self.events)),
        }

    def hold(self, holder: Holder, *, since: float = -30, expires: float | None = 30) -> str:
        """Let another holder have the lock; times are from now. Without an expiry it was just created."""
        now = self._engine.now()
        labels = {"tagship.holder": json.dumps(holder.__dict__), "tagship.since": str(now + since)}
        made = self._make(labels)
        if expires is not None:
            self.held[made]["archive"] = tar(str(now + expires))
        return made

    def prune(self) -> None:
        """Remove every stopped container, like a prune."""
        self.held.clear()
        self.events.append({"Action": "prune", "Actor": {"ID": "", "Attributes": {}}})

    def free(self) -> None:
        """Remove only the lock."""
        self.held.clear()

    def _make(self, labels: dict[str, str]) -> str:
        self._count += 1
        made = f"lock{self._count}"
        self.held[made] = {"labels": labels, "archive": None}
        self.events.append({"Action": "create", "Actor": {"ID": made, "Attributes": {"name": NAME}}})
        self._daemon.answers |= {
            f"GET /containers/{made}/json": lambda _: self._look(made),
            f"GET /containers/{made}/archive": lambda _: self._archive(made),
            f"PUT /containers/{made}/archive": lambda request: self._put(made, request),
            f"DELETE /containers/{made}": lambda _: Answer(204) if self.held.pop(made, None) else missing(),
        }
        return made

    def _create(self, request: Request) -> Answer:
        if not self.image:
            return missing()
        if self.held:
            return Answer(409, {"message": "name in use"})
        assert request.query == {"name": NAME}
        return Answer(201, {"Id": self._make(request.json()["Labels"])})

    def _load(self, request: Request) -> Answer:
        with tarfile.open(fileobj=io.BytesIO(request.body)) as archive:
            self.image = archive.getnames() == []
        return Answer()

    def _look(self, name: str) -> Answer:
        for made, lock in self.held.items():
            if name in {made, NAME}:
                return Answer(body={"Id": made, "Config": {"Labels": lock["labels"]}})
        return missing()

    def _archive(self, made: str) -> Answer:
        archive = self.held.get(made, {}).get("archive")
        return Answer(body=archive) if archive else missing()

    def _put(self, made: str, request: Request) -> Answer:
        if made not in self.held:
            return missing()
        before, self.held[made]["archive"] = self.held[made]["archive"], request.body
        if before is not None:
            self.renewed.set()
        return Answer()


def missing() -> Answer:
    """The answer for a missing container."""
    return Answer(404, {"message": "No such container"})


def tar(expires: str) -> bytes:
    """A lease's file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("expires")
        entry.size = len(expires)
        archive.addfile(entry, io.BytesIO(expires.encode()))
    return buffer.getvalue()
