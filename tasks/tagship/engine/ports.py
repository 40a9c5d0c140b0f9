"""Finds the container or process that uses a port of a server."""

from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.errors import EngineError

NAME = "tagship-port-holder"
_LISTENING = """
grep -hE ':{port:04X} [0-9A-F]+:[0-9A-F]{{4}} 0A' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
while read -r _ _ _ _ _ _ _ _ _ inode _; do
  for fd in /proc/[0-9]*/fd/*; do
    [ "$(readlink "$fd")" = "socket:[$inode]" ] || continue
    pid=${{fd#/proc/}}; pid=${{pid%%/*}}
    echo "process $pid, $(cat "/proc/$pid/comm")"
    exit
  done
done
"""


def holder(engine: Engine, port: int, image: str) -> str:
    """The container or process that listens on a published TCP port, in words; empty if there is none or it is unknown.

    Processes are only visible on the server itself, so a short-lived container of that image, which needs a shell,
    looks for them.
    """
    for listed in engine.get("/containers/json"):
        if any(published.get("PublicPort") == port for published in listed.get("Ports") or ()):
            return f"the container {listed['Names'][0].lstrip('/')}"
    try:
        return _process(engine, port, image)
    except EngineError:
        return ""


def _process(engine: Engine, port: int, image: str) -> str:
    host = {"NetworkMode": "host", "PidMode": "host", "CapAdd": ["SYS_PTRACE"]}
    script = ["sh", "-c", _LISTENING.format(port=port)]
    wanted = {"Image": image, "Entrypoint": script, "Cmd": [], "HostConfig": host}
    made = engine.call("POST", "/containers/create", wanted, name=NAME)["Id"]
    try:
        engine.call("POST", f"/containers/{made}/start")
        engine.call("POST", f"/containers/{made}/wait")
        lines = containers.last_words(engine, made).splitlines()
    finally:
        engine.call("DELETE", f"/containers/{made}", force=True)
    return lines[0] if lines else ""
