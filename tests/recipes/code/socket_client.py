"""A WebSocket that stays open while a deploy goes on: `python socket_client.py HOST`; prints JSON at its end."""

import base64
import contextlib
import http.client
import json
import os
import socket
import sys
import time


def opened(host: str) -> socket.socket:
    """A WebSocket, after its handshake (RFC 6455)."""
    made = socket.create_connection((host, 80), 10)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET / HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket"]
    made.sendall("\r\n".join([*lines, f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += made.recv(1) or sys.exit("no handshake")
    if not answer.startswith(b"HTTP/1.1 101"):
        sys.exit(answer.decode())
    return made


def echoed(connection: socket.socket, word: bytes = b"hello") -> str:
    """What comes back for a text; empty once the connection ends."""
    with contextlib.suppress(OSError):
        connection.sendall(b"\x81" + bytes([0x80 | len(word)]) + bytes(4) + word)  # masked by zeros
        head = connection.recv(2)
        if head and head[0] == 0x81:
            return connection.recv(head[1]).decode()
    return ""


def release(host: str) -> str | None:
    """Which release answers a plain request."""
    asked = http.client.HTTPConnection(host, 80, timeout=10)
    asked.request("GET", "/")
    answer = asked.getresponse()
    answer.read()
    asked.close()
    return answer.headers.get("X-Tagship-Release")


def main(host: str) -> None:
    """Talk until the connection ends, then connect again."""
    connection, before = opened(host), release(host)
    first, after, until = "", 0, time.monotonic() + 50
    while time.monotonic() < until:
        new = release(host) != before
        said = echoed(connection)
        if not said:
            break
        first = said
        after += new
        time.sleep(0.1)
    again = echoed(opened(host))
    print(json.dumps({"old": first.split()[0], "after_cutover": after, "new": again.split()[0]}))


main(sys.argv[1])
