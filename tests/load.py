"""A steady load that never retries; every request without a complete answer counts as failed.

Kept-alive and new connections, GET and POST, uploads, requests of two seconds, responses written in pieces, server-sent
events, conversations on a WebSocket, and HTTP/2. By HTTPS, no certificate is verified.
"""

import argparse
import asyncio
import http.client
import json
import signal
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
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
    http2: bool = False
    """Whether it speaks HTTP/2, on one connection with the others that do; only by HTTPS."""

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


class Asking(Protocol):
    """How a client asks."""

    def ask(self, client: Client) -> tuple[int, str]:
        """Status and release of a whole answer. Raises OSError or HTTPException otherwise."""

    def forget(self) -> None:
        """Close the connection."""


class Load:
    """Clients that run in threads until told to stop."""

    def __init__(self, url: str, clients: Sequence[Client], pause: float = PAUSE, address: str = "") -> None:
        """`address`: where the URL's host is found, if not by its name."""
        self.result = Result()
        self._pause = pause
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failed_first = 0.0
        two = _Two(url, address) if any(client.http2 for client in clients) else None
        self._threads = [
            threading.Thread(target=self._run, args=(client, two if two and client.http2 else _One(url, address)))
            for client in clients
        ]

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

    def _run(self, client: Client, asking: Asking) -> None:
        while not self._stop.is_set():
            try:
                status, release = asking.ask(client)
                self._note("" if status < http.HTTPStatus.BAD_REQUEST else f"status {status}", client, release)
            except (OSError, http.client.HTTPException) as error:
                self._note(repr(error), client, "")
                asking.forget()
            if not client.keep or client.path == SPOKEN:
                asking.forget()
            self._stop.wait(LARGE_PAUSE if client.large else self._pause)
        asking.forget()

    def _note(self, problem: str, client: Client, release: str) -> None:
        with self._lock:
            self.result.requests += 1
            if problem:
                kept = "HTTP/2" if client.http2 else "kept" if client.keep else "new"
                now, clock = time.monotonic(), time.strftime("%H:%M:%S")
                self._failed_first = self._failed_first or now
                self.result.outage = now - self._failed_first
                self.result.failures.append(f"{clock} {client.method} {client.path} ({kept}): {problem}")
            else:
                self.result.releases[release] += 1


class _One:
    """HTTP/1.1, on a connection of its own."""

    def __init__(self, url: str, address: str) -> None:
        self._url, self._to = urlsplit(url), address or urlsplit(url).hostname or ""
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, client: Client) -> tuple[int, str]:
        """See `Asking`."""
        # the server may have closed it after its last answer
        if not self._connection or not self._connection.sock:
            self._connection = self._connected()
        if client.path == SPOKEN:
            return converse(self._connection)
        headers = {"Content-Type": "application/json"} if client.body else {}
        self._connection.request(client.method, client.path, client.body, headers)
        response = self._connection.getresponse()
        response.read()  # a response cut short raises IncompleteRead
        return response.status, response.headers.get("X-Tagship-Release", "")

    def forget(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        secure = self._url.scheme == "https"
        port = self._url.port or (443 if secure else 80)
        connection = http.client.HTTPConnection(self._url.hostname or "", port, timeout=TIMEOUT)
        connection.sock = socket.create_connection((self._to, port), TIMEOUT)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            connection.sock = _unverified().wrap_socket(connection.sock, server_hostname=self._url.hostname)
        return connection


class _Two:
    """HTTP/2, on one connection for all that share it, which isn't closed because of one.

    One thread sends everything: several would take the numbers of streams in one order and send them in another, and
    the server then has to close the connection.
    """

    def __init__(self, url: str, address: str) -> None:
        import httpx  # noqa: PLC0415 - takes a while, and most loads have none of it

        self._refused: type[Exception] = httpx.HTTPError
        parts = urlsplit(url)
        self._base = f"https://{address or parts.hostname}:{parts.port or 443}"
        self._headers, self._name = {"Host": parts.hostname or ""}, {"sni_hostname": parts.hostname}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._client = httpx.AsyncClient(
            http1=False, http2=True, verify=_unverified(), timeout=TIMEOUT, limits=httpx.Limits(max_connections=1)
        )

    def ask(self, client: Client) -> tuple[int, str]:
        """See `Asking`."""
        to = f"{self._base}{client.path}"
        asked = self._client.request(
            client.method, to, content=client.body, headers=self._headers, extensions=self._name
        )
        try:
            answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        except self._refused as error:
            raise http.client.HTTPException(repr(error)) from error
        return answer.status_code, answer.headers.get("X-Tagship-Release", "")

    def forget(self) -> None:
        """Leave it to the others."""


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


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
    parser.add_argument("clients", help="JSON: a list of [path, body, its size or null, keep, HTTP/2]")
    parser.add_argument("--address", default="", help="where the URL's host is")
    parser.add_argument("--pause", type=float, default=PAUSE)
    parser.add_argument("--announce", action="store_true", help="print a line on stderr once it runs")
    words = parser.parse_args()
    clients = [Client(path, _body(body), *more) for path, body, *more in json.loads(words.clients)]
    # blocked before any thread starts, so that only this one takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1})
    load = Load(words.url, clients, words.pause, words.address)
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
