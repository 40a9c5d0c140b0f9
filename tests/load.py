"""A steady load that never retries; every request without a complete answer counts as failed.

Kept-alive and new connections, GET and POST, uploads, requests of two seconds, responses written in pieces, server-sent
events, and conversations on a WebSocket.
"""

import argparse
import http.client
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PAUSE = 0.05
"""Seconds each client waits between requests, unless told otherwise."""
TIMEOUT = 20.0
SPOKEN = "/ws"
LARGE, LARGE_PAUSE = 1_000_000, 5.0


@dataclass(frozen=True)
class Client:
    """The request that one thread of the load repeats."""

    path: str
    """`/ws` is spoken to as a WebSocket."""
    body: bytes | None = None
    keep: bool = True
    """Whether it keeps its connection, or opens one for each request."""

    @property
    def method(self) -> str:
        """POST with a body, GET without."""
        return "GET" if self.body is None else "POST"

    @property
    def large(self) -> bool:
        """Whether it uploads so much that it should do it seldom."""
        return len(self.body or b"") > LARGE


@dataclass
class Result:
    """What the load saw."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    releases: Counter[str] = field(default_factory=Counter)
    """The edge's release header → how many answers had it."""
    outage: float = 0.0
    """Seconds from the first failed request to the last."""


class Load:
    """Clients that run in threads until told to stop."""

    def __init__(self, url: str, clients: Sequence[Client], pause: float = PAUSE) -> None:
        self.result = Result()
        self._pause = pause
        self._address = urlsplit(url)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failed_first = 0.0
        self._threads = [threading.Thread(target=self._run, args=(client,)) for client in clients]

    def start(self) -> None:
        """Let every client begin."""
        for thread in self._threads:
            thread.start()

    def look(self) -> Result:
        """What was seen until now."""
        with self._lock:
            seen = self.result
            return Result(seen.requests, [*seen.failures], seen.releases.copy(), seen.outage)

    def stop(self) -> Result:
        """Let every client finish its request. Returns what was seen."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.result

    def _run(self, client: Client) -> None:
        connection = None
        while not self._stop.is_set():
            try:
                connection = connection or self._connect()
                status, release = self._ask(connection, client)
                self._note("" if status < http.HTTPStatus.BAD_REQUEST else f"status {status}", client, release)
            except (OSError, http.client.HTTPException) as error:
                self._note(repr(error), client, "")
                connection = None
            if connection and not (client.keep and client.path != SPOKEN):
                connection.close()
                connection = None
            self._stop.wait(LARGE_PAUSE if client.large else self._pause)
        if connection:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=TIMEOUT)

    @staticmethod
    def _ask(connection: http.client.HTTPConnection, client: Client) -> tuple[int, str]:
        if client.path == SPOKEN:
            return converse(connection)
        headers = {"Content-Type": "application/json"} if client.body else {}
        connection.request(client.method, client.path, client.body, headers)
        response = connection.getresponse()
        response.read()  # a response cut short raises IncompleteRead
        return response.status, response.headers.get("X-Tagship-Release", "")

    def _note(self, problem: str, client: Client, release: str) -> None:
        with self._lock:
            self.result.requests += 1
            if problem:
                kept = "kept" if client.keep else "new"
                now, clock = time.monotonic(), time.strftime("%H:%M:%S")
                self._failed_first = self._failed_first or now
                self.result.outage = now - self._failed_first
                self.result.failures.append(f"{clock} {client.method} {client.path} ({kept}): {problem}")
            else:
                self.result.releases[release] += 1


def converse(connection: http.client.HTTPConnection) -> tuple[int, str]:
    """Say something on a WebSocket for two seconds, and take leave. Raises HTTPException if an echo is missing.

    RFC 6455: two bytes (the kind, the length and that it is masked), four of the mask, which is zero here, the data.
    """
    asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    connection.request("GET", SPOKEN, headers={**asked, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    stream = connection.sock.makefile("rb")  # the answer's object would close the connection
    status = int(stream.readline().split()[1])
    headers = http.client.parse_headers(stream)
    if status != http.HTTPStatus.SWITCHING_PROTOCOLS:
        return status, ""
    for kind, said in (*((0x81, f"word {number}".encode()) for number in range(8)), (0x88, b"\x03\xe8")):
        connection.sock.sendall(bytes((kind, 0x80 | len(said), 0, 0, 0, 0)) + said)
        if stream.read(2 + len(said)) != bytes((kind, len(said))) + said:
            message = f"no echo of {said!r}"
            raise http.client.HTTPException(message)
        time.sleep(0.25)
    return http.HTTPStatus.OK, headers.get("X-Tagship-Release", "")


def main() -> None:
    """Run until SIGTERM or SIGINT, then print what was seen as JSON; with SIGUSR1, print a line of it and go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("clients", help="JSON: a list of [path, body, its size or null, keep]")
    parser.add_argument("--pause", type=float, default=PAUSE)
    parser.add_argument("--announce", action="store_true", help="print a line on stderr once it runs")
    words = parser.parse_args()
    clients = [Client(path, _body(body), keep) for path, body, keep in json.loads(words.clients)]
    load = Load(words.url, clients, words.pause)
    # blocked before the threads start, so that only this one takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1})
    load.start()
    if words.announce:
        print("started", file=sys.stderr, flush=True)
    while signal.sigwait({signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}) == signal.SIGUSR1:
        print(json.dumps(vars(load.look())), flush=True)
    seen = load.stop()
    json.dump(vars(seen), sys.stdout)


def _body(given: str | int | None) -> bytes | None:
    return b"x" * given if isinstance(given, int) else given.encode() if given else None


if __name__ == "__main__":
    main()
