"""The lock: a lease that lets one deploy at a time into an environment, kept by the engine itself.

Creating a container by name is atomic, so whoever creates `tagship-lock-APP-ENV` holds the lock. The container is never
started; a file in it says when the lease expires, by the engine's clock. A stale one is removed by the id that was
read, so of two that find it stale only one gets it.
"""

import contextlib
import getpass
import io
import json
import os
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from tagship.engine.client import Engine
from tagship.errors import ConnectionFailedError, EngineError, LockedError, TagshipError
from tagship.names import LABEL, Holder, Place
from tagship.system.parallel import ahead

TTL = 60.0
"""Seconds a lease lasts after its last renewal: how long a killed deploy can hold up the next."""
RENEW_EVERY = TTL / 4
PRUNE_TAKES = 3.0
"""Seconds from a container's end in a prune until the engine says that it was one."""
IMAGE, TAG = "tagship/empty", "1"
_CONFLICT, _MISSING = 409, 404


@dataclass(frozen=True)
class Lock:
    """A lock as it stands. Times are the engine's, seconds since the epoch."""

    id: str
    holder: Holder
    since: float
    expires: float


def read(engine: Engine, place: Place) -> Lock | None:
    """Whoever holds the lock, or None."""
    try:
        found = engine.get(f"/containers/{_name(place)}/json")
    except EngineError as error:
        if error.status == _MISSING:
            return None
        raise
    labels = found["Config"]["Labels"]
    holder = Holder(**json.loads(labels[f"{LABEL}.holder"]))
    since = float(labels[f"{LABEL}.since"])
    return Lock(found["Id"], holder, since, _expiry(engine, found["Id"]) or since + TTL)


def release(engine: Engine, held: Lock) -> None:
    """Remove a lock by its id; gone already is as good."""
    try:
        engine.call("DELETE", f"/containers/{held.id}", force=True)
    except EngineError as error:
        if error.status not in {_MISSING, _CONFLICT}:
            raise


class Lease:
    """The lock, held and renewed while the block runs."""

    def __init__(self, engine: Engine, place: Place, holder: Holder, *, wait: float = 0) -> None:
        self.took_over: Lock | None = None
        self._engine = engine
        self._place = place
        self._holder = holder
        self._deadline = time.monotonic() + wait
        self._id = ""
        self._written = 0.0
        """When the expiry was last written, by the engine's clock."""
        self._lost = self._told = False
        self._looked: Callable[[], bool] = _unlooked
        """What the look beside the last change found."""
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._renewal = threading.Thread(target=self._renew, name="tagship-lease", daemon=True)

    def check(self) -> None:
        """Make sure of the lock beside a change. Raises LockedError when it was lost by the change before.

        The look goes out with the change, and what it finds is raised by the next check: waiting for it would cost each
        change a round trip. Nobody takes a lease before it has expired, unless a person frees it; so one that wasn't
        renewed in time, as after a laptop's sleep, is renewed first.

        Whoever goes on after a LockedError puts things back, from what is seen then: for them it is taken anew if it is
        free.
        """
        with self._looking:
            looked, self._looked = self._looked, _unlooked
            self._lost = self._lost or not looked()
            if self._engine.now() - self._written > RENEW_EVERY:
                self._lost = self._lost or not self._renewed()
            if self._lost and self._told and self._acquire():
                self._write_expiry()
                self._lost = False
            self._told = self._told or self._lost
            lost = self._lost
            if not lost:
                self._looked = ahead(self._still_ours)
        if lost:
            raise LockedError(
                f"The lock on {self._place} was taken from us while deploying.",
                hint="someone released it or removed its container; look at `tagship status`, then deploy again",
            )

    def __enter__(self) -> Self:
        while not self._acquire():
            held = read(self._engine, self._place)
            if held and held.expires < self._engine.now():
                release(self._engine, held)
                self.took_over = held
            elif held and time.monotonic() > self._deadline:
                raise LockedError(_told(self._place, held, self._engine.now()), hint=_hint(self._place))
            elif held:
                time.sleep(0.5)
        self._renewal.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._renewal.join()
        with contextlib.suppress(TagshipError):
            self._looked()
        try:
            release(self._engine, Lock(self._id, self._holder, 0, 0))
        except ConnectionFailedError:  # it expires by itself, and what was done is done
            if isinstance(error, TagshipError):
                error.add_hint(f"the lock on {self._place} frees itself within {TTL:.0f} s")

    def _acquire(self) -> bool:
        """Whether it was free; without a file in it, the lease lasts its whole time from `since` on."""
        since = self._engine.now()
        labels = {
            f"{LABEL}.lock": str(self._place),
            f"{LABEL}.holder": json.dumps(asdict(self._holder)),
            f"{LABEL}.since": str(since),
        }
        wanted = {"Image": f"{IMAGE}:{TAG}", "Cmd": ["lock"], "Labels": labels, "NetworkDisabled": True}
        try:
            self._id = self._engine.call("POST", "/containers/create", wanted, name=_name(self._place))["Id"]
        except EngineError as error:
            if error.status == _MISSING:
                self._engine.load(_tar({}), IMAGE, TAG)
                return self._acquire()
            if error.status == _CONFLICT:
                return False
            raise
        self._written = since
        return True

    def _write_expiry(self) -> None:
        now = self._engine.now()
        self._engine.put_archive(self._id, "/", _tar({"expires": str(now + TTL).encode()}))
        self._written = now

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_EVERY):
            # what fails now is looked at again before the next change, and said then
            with contextlib.suppress(TagshipError), self._looking:
                self._lost = self._lost or not self._renewed()

    def _still_ours(self) -> bool:
        return self._engine.exists(f"/containers/{self._id}/json") or self._taken_again()

    def _renewed(self) -> bool:
        try:
            self._write_expiry()
        except EngineError as error:
            if error.status != _MISSING:
                raise
            return self._taken_again()
        return True

    def _taken_again(self) -> bool:
        """A lock that went with everything else that doesn't run is taken again, unless somebody had it since."""
        ours = {self._id}
        if not any(action == "prune" for action, _ in self._happened(within=PRUNE_TAKES)) or not self._acquire():
            return False
        for _, container in self._happened(within=PRUNE_TAKES):
            if container == self._id:
                self._write_expiry()
                return True
            if container and container not in ours:
                break
        release(self._engine, Lock(self._id, self._holder, 0, 0))
        return False

    def _happened(self, within: float) -> Iterator[tuple[str, str]]:
        """Prunes, and locks of this environment that were made, since we last had ours: `(action, container)`."""
        since, until = f"{self._written - 2:.0f}", f"{self._engine.now() + within:.0f}"
        filters = {"type": ["container"], "event": ["prune", "create"]}
        for event in self._engine.stream("GET", "/events", filters=filters, since=since, until=until):
            actor = event["Actor"]
            if event["Action"] == "prune" or actor["Attributes"].get("name") == _name(self._place):
                yield event["Action"], actor["ID"]


def _unlooked() -> bool:
    return True


def _name(place: Place) -> str:
    return f"tagship-lock-{place}"


def _expiry(engine: Engine, container: str) -> float:
    try:
        with tarfile.open(fileobj=io.BytesIO(engine.get_archive(container, "/expires"))) as tar:
            file = tar.extractfile("expires")
            return float(file.read()) if file else 0
    except (EngineError, ValueError):
        return 0  # created this instant: the label's time counts


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _told(place: Place, held: Lock, now: float) -> str:
    run = f", {held.holder.run}" if held.holder.run else ""
    return f"{place} is locked by {held.holder.who} ({held.holder.doing}{run}) for {now - held.since:.0f} s."


def _hint(place: Place) -> str:
    return f"wait for it (--wait 600), or, if that run is dead, `tagship lock.release --env {place.environment}`"


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
