"""Ends a command on the server when whoever started it is gone: Ctrl-C, a closed terminal, a broken connection.

An engine lets a command go on when the connection to it breaks. So a small container, the guard, waits beside it for a
sign of life from here. If none comes for SILENCE seconds, or the connection ends, it ends the command: SIGTERM, and
SIGKILL after GRACE seconds.
"""

import contextlib
import threading
from types import TracebackType
from typing import Self

from tagship.edge import caddy
from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError, TagshipError
from tagship.names import LABEL, Place
from tagship.system.threads import Thread

SILENCE = 45
"""Seconds without a sign of life after which the command is ended."""
GRACE = 10
"""Seconds between SIGTERM and SIGKILL."""
MARK = "TAGSHIP_GUARDED"
"""A variable of an exec's processes, by which its guard finds them and their children."""
_BEAT = 10.0
_ALIVE, _END = b"beat", b"end!"
_WAIT = f'while word=$(timeout {SILENCE} head -c 4); [ "$word" ]; do [ "$word" != end! ] || exit 0; done'
"""Runs in dash and in busybox, whose `read -t` dash lacks."""
OWN = f"""{_WAIT}
kill -TERM -1; n=0
while set -- /proc/[0-9]*; [ $# -gt 1 ] && [ $n -lt {GRACE * 10} ]; do sleep 0.1; n=$((n+1)); done"""
"""The guard is the first process of the one-off's process namespace, so the kernel kills all others at its end."""
OTHERS = f"""{_WAIT}
marked() {{ grep -la "{MARK}=$0" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3; }}
kill -TERM $(marked); n=0
while [ "$(marked)" ] && [ $n -lt {GRACE * 10} ]; do sleep 0.1; n=$((n+1)); done
kill -KILL $(marked)"""


class Guard:
    """A guard on the server, as long as its block lasts; then it ends, and what it guards."""

    def __init__(self, engine: Engine, place: Place, *, beside: str = "", mark: str = "") -> None:
        """Start it. Raises CheckError without an edge, whose image has the shell for it.

        `beside`: the container in which the processes with this mark run. Without it, the guard has a namespace of its
        own, for a container with its `PidMode`.
        """
        self._engine = engine
        edge = caddy.find(engine)
        if edge is None:
            raise CheckError("The edge is gone, whose image is needed here.", hint="deploy again, which creates it")
        host = {
            "AutoRemove": True,
            "NetworkMode": "none",
            "LogConfig": {"Type": "none"},
            "CapDrop": ["ALL"],
            "CapAdd": ["KILL", "SYS_PTRACE", "DAC_READ_SEARCH"],
            **({"PidMode": f"container:{beside}"} if beside else {}),
        }
        wanted = {
            "Image": edge["ImageID"],
            "Entrypoint": ["sh", "-c", OTHERS if beside else OWN, mark or "guard"],
            "Cmd": [],
            "User": "0",
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "Labels": {f"{LABEL}.app": place.app, f"{LABEL}.environment": place.environment, f"{LABEL}.guard": "true"},
            "HostConfig": host,
        }
        self.id: str = engine.call("POST", "/containers/create", wanted)["Id"]
        try:
            self._stream = engine.attach(self.id)
            engine.call("POST", f"/containers/{self.id}/start")
        except TagshipError:
            with contextlib.suppress(TagshipError):
                engine.call("DELETE", f"/containers/{self.id}", force=True, v=True)
            raise
        self._ended = threading.Event()
        Thread(target=self._beat, name="tagship-guard", daemon=True).start()

    def dismiss(self) -> None:
        """End the guard alone: the command has ended, and what it left running on purpose may go on."""
        self._write(_END)

    def close(self) -> None:
        """End the guard, and so what it guards."""
        self._ended.set()
        self._stream.close()

    def wait(self) -> None:
        """Wait until it and what it guards have ended, after `close`."""
        with contextlib.suppress(EngineError):
            for _ in self._engine.stream("POST", f"/containers/{self.id}/wait", condition="removed"):
                pass

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            self._write(_ALIVE)

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the connection broke; what reads from there notices it
            self._stream.write(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
