"""One Docker engine, spoken to over its socket: the few calls a deploy makes, each one round trip.

Docker's Engine API, https://docs.docker.com/reference/api/engine/; why not its SDK: docs/decisions/engine-client.md.
"""

import base64
import email.utils
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote, urlencode

from tagship.engine.http_unix import Hijacked, Pool, UnixConnection
from tagship.errors import ConnectionFailedError, EngineError

NEWEST_API = (1, 51)
"""The newest API version this client was tried with; an engine that speaks less is spoken to in its own."""
OLDEST_API = (1, 41)
"""Docker 20.10's."""
CALL_TIMEOUT = 120.0
"""Seconds without a byte after which a call is given up; a pull reports progress long before."""


class Link(Protocol):
    """What brings the engine's socket to this machine, and may be cut."""

    def socket(self) -> Path:
        """Where it is, connected again if it was cut. Raises ConnectionFailedError."""

    def lend(self, port: int) -> int:
        """Let the engine reach a port of this machine's loopback. Returns the port it has there."""

    def cut(self) -> ConnectionFailedError | None:
        """What to say when the link is cut; None while it stands."""

    def explain(self, error: Exception) -> ConnectionFailedError:
        """What to say of a call that failed."""


class Engine:
    """Speaks to a Docker socket; over SSH, to one that OpenSSH forwards to this machine.

    A call that fails because the link was cut raises; the next one goes over a new link, where one can be had.
    """

    def __init__(self, socket: Path, link: Link | None = None) -> None:
        self.calls = 0
        self.api = (0, 0)
        self.clock_skew = 0.0
        self.distance = 0.0
        """Seconds that reaching it took: a connection and a call, about two round trips."""
        self._link = link
        self._pool = Pool(socket, CALL_TIMEOUT)

    @property
    def socket(self) -> Path:
        """The engine's socket, for programs too. Raises ConnectionFailedError when it can't be had again."""
        return self._reached().path

    def connect(self) -> dict[str, Any]:
        """Agree on an API version. Returns the engine's `/info`. Raises ConnectionFailedError or EngineError."""
        with self._response("GET", "/info") as response:
            info = json.loads(response.read())
            spoken = response.headers.get("Api-Version", "0.0")
        major, _, minor = spoken.partition(".")
        self.api = min((int(major), int(minor)), NEWEST_API)
        if self.api < OLDEST_API:
            raise EngineError(f"The engine speaks API {spoken}.", hint="Docker 20.10 or later is needed")
        return cast("dict[str, Any]", info)

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """GET and decode. Raises EngineError, with its status, on 4xx and 5xx."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:  # noqa: ANN401 - JSON
        """One call: JSON in, JSON out (None for an empty answer). Raises EngineError with the status."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        with self._response(method, path, data, headers, query) as response:
            answer = response.read()
        return json.loads(answer) if answer else None

    def exists(self, path: str) -> bool:
        """Whether a GET of that path finds something."""
        try:
            self.call("GET", path)
        except EngineError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def put_archive(self, container: str, folder: str, tar: bytes) -> None:
        """Unpack a tar into a container's file system, started or not."""
        path = f"/containers/{quote(container)}/archive"
        with self._response("PUT", path, tar, {"Content-Type": "application/x-tar"}, {"path": folder}) as response:
            response.read()

    @contextmanager
    def archive(self, container: str, path: str) -> Iterator[http.client.HTTPResponse]:
        """A path of a container's file system, as a tar to be read as it comes."""
        with self._response("GET", f"/containers/{quote(container)}/archive", query={"path": path}) as response:
            yield response

    def get_archive(self, container: str, path: str) -> bytes:
        """The same, whole."""
        with self.archive(container, path) as tar:
            return tar.read()

    def load(self, tar: bytes, repository: str, tag: str) -> None:
        """Import a root file system as an image."""
        query = {"fromSrc": "-", "repo": repository, "tag": tag}
        with self._response("POST", "/images/create", tar, {"Content-Type": "application/x-tar"}, query) as response:
            response.read()

    def stream(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **query: object
    ) -> Iterator[dict[str, Any]]:
        """One call's answer as it comes, a JSON object a line; ends with the answer, or when the caller stops."""
        with self._response(method, path, None, headers or {}, query, keep=False) as response:
            while line := response.readline():
                yield json.loads(line)

    def text(self, path: str, **query: object) -> bytes:
        """GET raw bytes."""
        with self._response("GET", path, query=query) as response:
            return response.read()

    def pull(self, repository: str, digest: str, credentials: Mapping[str, str] | None = None) -> None:
        """Pull by digest; credentials travel in this one request's header. Raises EngineError."""
        headers = {"X-Registry-Auth": encode_credentials(credentials or {})}
        for line in self.stream("POST", "/images/create", headers, fromImage=repository, tag=digest):
            if "error" in line:
                raise EngineError(f"Pulling {repository}@{digest}: {line['error']}.")

    def hijack(self, container: str, argv: list[str]) -> Hijacked:
        """Run a program in a running container, its stdin and output ours. Raises EngineError."""
        wanted = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": False, "Cmd": argv}
        started = self.call("POST", f"/containers/{quote(container)}/exec", wanted)
        connection = UnixConnection(self.socket, CALL_TIMEOUT)
        body = json.dumps({"Detach": False, "Tty": False})
        headers = {"Content-Type": "application/json", "Connection": "Upgrade", "Upgrade": "tcp"}
        self.calls += 1
        try:
            connection.request("POST", self._url(f"/exec/{started['Id']}/start", {}), body, headers)
            # http.client ends a response of status 101 at once: read its head here, and leave the stream to the caller
            reader = connection.sock.makefile("rb")
            status = int(reader.readline().split()[1])
            http.client.parse_headers(reader)
        except (OSError, http.client.HTTPException, IndexError) as error:
            connection.close()
            raise self.unreachable(error) from error
        stream = Hijacked(connection, reader, started["Id"])
        if status >= http.HTTPStatus.BAD_REQUEST:
            stream.close()
            raise EngineError(f"The engine can't run {argv[0]} in {container[:12]}.", status=status)
        return stream

    def exit_code(self, stream: Hijacked) -> int:
        """How a hijacked program ended."""
        return int(self.get(f"/exec/{stream.id}/json")["ExitCode"])

    def lend(self, port: int) -> int:
        """Let the engine reach a port of this machine's loopback. Returns the port it has there."""
        return self._link.lend(port) if self._link else port

    def cut(self) -> ConnectionFailedError | None:
        """What to say when the link to it is cut, whatever else a program said meanwhile; None while it stands."""
        return self._link.cut() if self._link else None

    def unreachable(self, error: Exception) -> ConnectionFailedError:
        """What to say of a call that failed."""
        if self._link:
            return self._link.explain(error)
        return ConnectionFailedError(
            f"The engine at {self._pool.path} doesn't answer: {error or type(error).__name__}.",
            hint="is Docker running there, and may you use its socket?",
        )

    def now(self) -> float:
        """Seconds since the epoch by the engine's clock, as of its last answer's Date."""
        return time.time() + self.clock_skew

    def close(self) -> None:
        """Close idle connections."""
        self._pool.close()

    def _reached(self) -> Pool:
        """Connections to where the socket is now."""
        socket = self._link.socket() if self._link else self._pool.path
        if socket != self._pool.path:
            self._pool.close()
            self._pool = Pool(socket, CALL_TIMEOUT)
        return self._pool

    def _url(self, path: str, query: Mapping[str, object]) -> str:
        version = f"/v{self.api[0]}.{self.api[1]}" if self.api[0] else ""
        text = {k: json.dumps(v) if isinstance(v, dict | bool) else str(v) for k, v in query.items()}
        return f"{version}{path}?{urlencode(text)}" if text else f"{version}{path}"

    @contextmanager
    def _response(  # noqa: PLR0913 - one door for every call
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
        *,
        keep: bool = True,
    ) -> Iterator[http.client.HTTPResponse]:
        pool = self._reached()
        connection = pool.take() if keep else UnixConnection(pool.path, None)
        self.calls += 1
        try:
            connection.request(method, self._url(path, query or {}), body, dict(headers or {}))
            response = connection.getresponse()
            self._note_clock(response)
            if response.status >= http.HTTPStatus.BAD_REQUEST:
                raise EngineError(_message(response), status=response.status)
            yield response
            # an answer that wasn't read to its end would be read as the next one's
            if keep and response.isclosed():
                pool.give(connection)
                connection = None  # type: ignore[assignment]
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from error
        finally:
            if connection:
                connection.close()

    def _note_clock(self, response: http.client.HTTPResponse) -> None:
        if date := response.headers.get("Date"):
            self.clock_skew = email.utils.parsedate_to_datetime(date).timestamp() - time.time()


def encode_credentials(credentials: Mapping[str, str]) -> str:
    """The X-Registry-Auth header: JSON `{username, password, serveraddress}` in URL-safe base64."""
    return base64.urlsafe_b64encode(json.dumps(dict(credentials)).encode()).decode()


def _message(response: http.client.HTTPResponse) -> str:
    body = response.read().decode(errors="replace")
    try:
        return f"The engine says: {json.loads(body)['message'].rstrip('.')}."
    except (ValueError, KeyError, TypeError):
        return f"The engine says {response.status}: {body[:200]}."
