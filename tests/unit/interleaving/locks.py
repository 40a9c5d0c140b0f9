"""The engine's part in the lock, in memory: containers that are created by name and never started."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tagship.errors import EngineError
from tagship.server.lock import TTL
from tests.fakes.locks import tar


@dataclass
class Locks:
    """An engine's lock containers, its clock and its events."""

    clock: float = 1000.0
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0

    @property
    def holder(self) -> str:
        """Who holds the lock; empty for nobody."""
        return next((json.loads(each["labels"]["tagship.holder"])["who"] for each in self.held.values()), "")

    def free(self) -> None:
        """Free it by hand: `tagship lock.release`."""
        self.held.clear()

    def prune(self) -> None:
        """Remove every container that doesn't run: `docker system prune`."""
        self.held.clear()
        self._happened("prune", "", "")

    def renew(self, who: str) -> None:
        """Renew the lock of an operator whose process runs, like the thread in its lease."""
        if self.holder == who:
            next(iter(self.held.values()))["expires"] = self.clock + TTL

    def create(self, name: str, labels: Mapping[str, str]) -> str:
        """Create a lock. Raises EngineError with 409 if there is one."""
        if self.held:
            raise EngineError("name in use", status=409)
        self.count += 1
        made = f"lock{self.count}"
        self.held[made] = {"labels": labels, "expires": None, "name": name}
        self._happened("create", made, name)
        return made

    def _happened(self, action: str, container: str, name: str) -> None:
        actor = {"ID": container, "Attributes": {"name": name}}
        self.events.append({"Action": action, "Actor": actor, "time": self.clock})


class LockEngine:
    """What `Lease` calls of an engine. `pause` is called before each change, with its name."""

    def __init__(self, locks: Locks, pause: Any) -> None:  # noqa: ANN401 - a function
        self._locks, self._pause = locks, pause

    def now(self) -> float:
        """The engine's clock."""
        return self._locks.clock

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:  # noqa: ANN401 - JSON
        """Create or remove a lock."""
        if method == "POST":
            self._pause("lock")
            return {"Id": self._locks.create(query["name"], body["Labels"])}
        self._pause("unlock")
        if self._locks.held.pop(path.split("/")[2], None) is None:
            raise EngineError("No such container", status=404)
        return None

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Look at a lock, by id or name."""
        wanted = path.split("/")[2]
        for made, lock in self._locks.held.items():
            if wanted in {made, lock["name"]}:
                return {"Id": made, "Config": {"Labels": lock["labels"]}}
        raise EngineError("No such container", status=404)

    def put_archive(self, container: str, _path: str, _archive: bytes) -> None:
        """Renew a lock."""
        self._pause("renew")
        if container not in self._locks.held:
            raise EngineError("No such container", status=404)
        self._locks.held[container]["expires"] = self._locks.clock + TTL

    @contextmanager
    def archive(self, container: str, _path: str) -> Iterator[io.BytesIO]:
        """The file with a lock's expiry."""
        expires = self._locks.held[container]["expires"] if container in self._locks.held else None
        if expires is None:
            raise EngineError("No such file", status=404)
        yield io.BytesIO(tar(str(expires)))

    def stream(self, *_: str, since: str, **__: object) -> Iterator[dict[str, Any]]:
        """Every event since then."""
        yield from [event for event in self._locks.events if event["time"] >= float(since)]
