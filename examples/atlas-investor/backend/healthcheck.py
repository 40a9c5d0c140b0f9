"""A container's healthcheck, without starting Django: `python -IS healthcheck.py web|worker`."""

import os
import socket
import sys
import time

HEARTBEAT_SECONDS = 15


def web(address: tuple[str, int] = ("127.0.0.1", 8000)) -> str:
    """Ask /health/; return what is wrong, or nothing."""
    # A socket by hand: importing urllib would cost more than the whole check.
    try:
        with socket.create_connection(address, timeout=4) as connection:
            connection.sendall(b"GET /health/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
            reply = b"".join(iter(lambda: connection.recv(4096), b""))
    except OSError as problem:
        return f"no answer: {problem}"
    if reply.split(b" ", 2)[1:2] == [b"200"]:
        return ""
    return reply.rpartition(b"\r\n\r\n")[2].decode(errors="replace") or "not an HTTP reply"


def worker(heartbeat: str) -> str:
    """Look at the age of the worker's heartbeat; return what is wrong, or nothing."""
    try:
        age = time.time() - os.stat(heartbeat).st_mtime  # noqa: PTH116 — pathlib takes long to import
    except FileNotFoundError:
        return "no heartbeat yet"
    return f"the last heartbeat is {age:.0f} s old" if age > HEARTBEAT_SECONDS else ""


if __name__ == "__main__":
    problem = (
        web()
        if sys.argv[1] == "web"
        else worker(os.environ.get("WORKER_HEARTBEAT", "/tmp/worker-heartbeat"))  # noqa: S108
    )
    sys.exit(problem or 0)
