"""A steady load that never retries; every request without a complete answer counts as failed.

Kept-alive and new connections, GET and POST, requests of two seconds, responses written in pieces.
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


@dataclass(frozen=True)
class Client:
    """The request that one thread of the load repeats."""

    path: str
    body: bytes | None = None
    keep: bool = True
    """Whether it keeps its connection, or opens one for each request."""

    @property
    def method(self) -> str:
        """POST with a body, GET without."""
        return "GET" if self.body is None else "POST"


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
            if connection and not client.keep:
                connection.close()
                connection = None
            self._stop.wait(self._pause)
        if connection:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=TIMEOUT)

    @staticmethod
    def _ask(connection: http.client.HTTPConnection, client: Client) -> tuple[int, str]:
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


def main() -> None:
    """Run until SIGTERM or SIGINT, then print what was seen as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("clients", help="JSON: a list of [path, body or null, keep]")
    parser.add_argument("--pause", type=float, default=PAUSE)
    parser.add_argument("--announce", action="store_true", help="print a line on stderr once it runs")
    words = parser.parse_args()
    clients = [Client(path, body.encode() if body else None, keep) for path, body, keep in json.loads(words.clients)]
    load = Load(words.url, clients, words.pause)
    # blocked before the threads start, so that only this one takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    load.start()
    if words.announce:
        print("started", file=sys.stderr, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    seen = load.stop()
    json.dump(vars(seen), sys.stdout)


if __name__ == "__main__":
    main()
