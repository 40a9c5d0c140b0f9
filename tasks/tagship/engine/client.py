"""Calls one Docker engine over its socket through Docker's own client: the few calls of a deploy, one round trip each.

Docker's Engine API: https://docs.docker.com/reference/api/engine/. What docker-py does for us and what it doesn't:
docs/decisions/engine-client.md.
"""

from __future__ import annotations

import email.utils
import http
import importlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from tagship.engine.link import Here, Link
from tagship.errors import ConnectionFailedError, EngineError
from tagship.system import web
from tagship.system.threads import Thread

if TYPE_CHECKING:
    import socket as sockets

    import requests

    from tagship.engine.transport import Client, Hijacked

NEWEST_API = (1, 51)
"""The newest API version this client was tested with; with an older engine it uses that engine's version."""
OLDEST_API = (1, 41)
"""The version of Docker 20.10."""
_NOTICING = (0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 4.0)
"""Seconds between looks at a program whose output has ended: the engine notes its exit code a moment later."""
DETACH_KEYS = "ctrl-^,ctrl-^,ctrl-^"
"""Docker's own, Ctrl-P Ctrl-Q, would swallow the Ctrl-P of a shell."""
CALL_TIMEOUT = 120.0
"""Seconds without a byte after which a call fails; a pull reports progress long before."""
ENDING_TIMEOUT = 3600.0
"""The same for a call that is answered when a container has ended: its `stop_grace_period` may be long."""
_ENDING = ("/stop", "/wait")


def prepare() -> None:
    """Start importing Docker's client, before waiting for a program, because it will be needed later."""
    Thread(target=importlib.import_module, args=("tagship.engine.transport",)).start()


class Engine:
    """Talks to a Docker socket; over SSH, to one that OpenSSH forwards to this machine.

    A call that fails because the link broke raises an error; the next one reconnects, if possible.
    """

    def __init__(self, socket: Path, link: Link | None = None) -> None:
        self.calls = 0
        self.api = (0, 0)
        self.clock_skew = 0.0
        self.distance = 0.0
        """Seconds that it took to reach the engine: a connection and a call, about two round trips."""
        self._link: Link = link or Here(socket)
        self._path = socket
        self._changing = threading.Lock()
        self._client = self._new()

    @property
    def socket(self) -> Path:
        """The engine's socket, also for programs. Raises ConnectionFailedError if it can't be reconnected."""
        return self._reached().path

    def connect(self) -> None:
        """Agree on an API version. Raises ConnectionFailedError or EngineError."""
        with self._response("GET", "/_ping") as response:
            spoken = response.headers.get("Api-Version", "0.0")
        major, _, minor = spoken.partition(".")
        if not (major.isdecimal() and minor.isdecimal()):
            raise _no_engine()
        self.api = min((int(major), int(minor)), NEWEST_API)
        if self.api < OLDEST_API:
            raise EngineError(f"The engine supports only API {spoken}.", hint="upgrade it to Docker 20.10 or later")
        self._client = self._new(self._reached())

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """GET and decode. Raises EngineError, with its status, on 4xx and 5xx."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:  # noqa: ANN401 - JSON
        """One call: JSON in, JSON out (None for an empty answer). Raises EngineError with the status."""
        with self._response(method, path, query, body=body) as response:
            return _decoded(response.content) if response.content else None

    def put_archive(self, container: str, folder: str, tar: bytes) -> None:
        """Unpack a tar into a container's file system, started or not."""
        with self._docker() as docker:
            docker.put_archive(container, folder, tar)

    @contextmanager
    def archive(self, container: str, path: str) -> Iterator[Any]:
        """A path in a container's file system, as a stream of a tar."""
        asked = f"/containers/{quote(container)}/archive"
        with self._response("GET", asked, {"path": path}, stream=True, within=CALL_TIMEOUT) as response:
            response.raw.decode_content = True  # engines compress it for clients that accept this
            yield response.raw

    @contextmanager
    def chunks(self, path: str, **query: object) -> Iterator[Iterator[bytes]]:
        """GET raw bytes as they arrive, without a limit between them. Raises ConnectionFailedError."""
        with self._response("GET", path, query, stream=True) as response:
            yield response.iter_content(None)

    def load(self, tar: bytes, repository: str, tag: str) -> None:
        """Import a root file system as an image."""
        with self._docker() as docker:
            docker.import_image_from_data(tar, repository, tag)

    def stream(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **query: object
    ) -> Iterator[dict[str, Any]]:
        """The answer as a stream of JSON objects, one per line; ends with the answer, or when the caller stops."""
        with self.opened(method, path, headers, **query) as answer:
            yield from answer

    @contextmanager
    def opened(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **query: object
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """The same, when the head of the answer has arrived: from then on, the engine sees what happens."""
        with self._response(method, path, query, stream=True, headers=headers) as response:
            yield (_decoded(line) for line in response.iter_lines(chunk_size=None) if line)

    def text(self, path: str, **query: object) -> bytes:
        """GET raw bytes."""
        with self._response("GET", path, query) as response:
            return response.content

    def pull(self, repository: str, digest: str, credentials: Mapping[str, str] | None = None) -> None:
        """Pull by digest; the credentials are only in this request's header. Raises EngineError."""
        with self._docker() as docker:
            messages = docker.pull(repository, digest, stream=True, decode=True, auth_config=dict(credentials or {}))
            if errors := [line["error"] for line in messages if "error" in line]:
                raise EngineError(f"Pulling {repository}@{digest}: {errors[0]}.")

    def ask_registry(self, image: str, credentials: Mapping[str, str]) -> None:
        """Have the engine ask a registry for an image, pulling nothing. Raises EngineError, also if it has none."""
        with self._docker() as docker:
            docker.inspect_distribution(image, auth_config=dict(credentials))  # type: ignore[no-untyped-call]

    def push(self, repository: str, tag: str, credentials: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Push a tag. Returns the engine's messages as a stream. Raises EngineError."""
        from docker.auth import encode_header  # noqa: PLC0415 - see `transport`

        headers = {"X-Registry-Auth": encode_header(dict(credentials)).decode()}
        return self.stream("POST", f"/images/{repository}/push", headers, tag=tag)

    def hijack(
        self,
        container: str,
        argv: list[str],
        environment: Mapping[str, str] | None = None,
        user: str = "",
        *,
        tty: bool = False,
    ) -> Hijacked:
        """Run a program in a running container, with its stdin and output hijacked. Raises EngineError.

        Nobody can read its environment later, unlike a container's. `tty`: give it a terminal.
        """
        from tagship.engine.transport import APIError, Hijacked  # noqa: PLC0415 - slow to import, and loaded already

        with self._docker() as docker:
            given = dict(environment or {})
            created = docker.exec_create(
                container, argv, stdin=True, environment=given, user=user, tty=tty, detach_keys=DETACH_KEYS
            )["Id"]
        with self._docker() as docker:  # may be a new client, after a reconnection
            try:
                return Hijacked(docker.exec_start(created, tty=tty, socket=True), created)
            except APIError as error:
                status = error.status_code or 0
                raise EngineError(f"The engine can't run {argv[0]} in {container[:12]}.", status=status) from error

    def attach(self, container: str, *, output: bool = False) -> Hijacked:
        """Attach to a container's stdin; with StdinOnce, the end of this connection ends its stdin.

        `output`: and to what it prints.
        """
        from tagship.engine.transport import Hijacked  # noqa: PLC0415 - slow to import, and loaded already

        wanted: dict[str, Any] = {"stdin": 1, "stream": 1}
        if output:
            wanted |= {"stdout": 1, "stderr": 1, "detachKeys": DETACH_KEYS}
        with self._docker() as docker:
            return Hijacked(docker.attach_socket(container, wanted), container)

    def exit_code(self, stream: Hijacked) -> int:
        """The exit code of a hijacked program whose output has ended. Raises EngineError if its container is gone."""
        for pause in _NOTICING:
            with self._docker() as docker:
                state = docker.exec_inspect(stream.id)
            if not state["Running"]:
                return int(state["ExitCode"])
            time.sleep(pause)
        raise EngineError("The engine doesn't notice that a program has ended.")

    def lend(self, port: int) -> int:
        """Forward a port of this machine's loopback to the engine. Returns the port there."""
        return self._link.lend(port)

    def dial(self, host: str, port: int) -> sockets.socket:
        """A connection to a container's address. Raises ConnectionFailedError or OSError."""
        return self._link.dial(host, port)

    def cut(self) -> ConnectionFailedError | None:
        """The error if the link is broken, whatever a program reported; None if it works."""
        return self._link.cut()

    def unreachable(self, error: Exception) -> ConnectionFailedError:
        """The error for a call that failed."""
        return self._link.explain(web.cause(error) or error)

    def now(self) -> float:
        """The engine's time in seconds since the epoch, from the Date of its last answer."""
        return time.time() + self.clock_skew

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _reached(self) -> Client:
        """Docker's client, on the engine's current socket."""
        path = self._link.socket()
        if self._client.path != path:
            with self._changing:
                if self._client.path != path:
                    self.close()
                    self._path = path
                    self._client = self._new()
        return self._client

    def _new(self, before: Client | None = None) -> Client:
        """A client with the agreed version, and the connections of the previous client."""
        from tagship.engine.transport import Client  # noqa: PLC0415 - slow to import

        version = "{}.{}".format(*self.api if self.api[0] else OLDEST_API)
        client = Client(self._path, version, CALL_TIMEOUT, before.connections if before else None)
        client.hooks["response"].append(self._note)
        return client

    def _note(self, response: requests.Response, **_: object) -> None:
        """Count an answer, and read the engine's clock."""
        self.calls += 1
        if date := response.headers.get("Date"):
            with suppress(ValueError, OverflowError):  # what is no time says nothing of the clock
                self.clock_skew = email.utils.parsedate_to_datetime(date).timestamp() - time.time()

    @contextmanager
    def _docker(self) -> Iterator[Client]:
        """Docker's client; converts its errors to ours."""
        client = self._reached()
        from tagship.engine.transport import FAILURES, APIError  # noqa: PLC0415 - slow to import, and loaded already

        try:
            yield client
        except APIError as error:  # an OSError, too
            if error.response is None:
                raise self.unreachable(error) from error
            raise EngineError(
                _message(error.response), status=error.response.status_code, hint=_hint(error.response.status_code)
            ) from error
        except FAILURES as error:
            raise self.unreachable(error) from error

    @contextmanager
    def _response(  # noqa: PLR0913 - one door for every call
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        within: float | None = None,
    ) -> Iterator[requests.Response]:
        """The answer to a request; with `stream`, only its head has arrived, and each wait for more is `within` s."""
        with self._docker() as docker:
            version = f"/v{docker.api_version}" if self.api[0] else ""
            text = {k: json.dumps(v) if isinstance(v, dict | bool) else str(v) for k, v in (query or {}).items()}
            url = f"{docker.base_url}{version}{path}{'?' if text else ''}{urlencode(text)}"
            if not stream:
                within = ENDING_TIMEOUT if path.endswith(_ENDING) else CALL_TIMEOUT
            response = docker.request(
                method, url, json=body, headers=headers, stream=stream, timeout=within, allow_redirects=False
            )
            try:
                if response.status_code >= http.HTTPStatus.BAD_REQUEST:
                    raise EngineError(_message(response), status=response.status_code, hint=_hint(response.status_code))
                yield response
            finally:
                response.close()


def _decoded(text: bytes) -> Any:  # noqa: ANN401 - JSON
    """JSON. Raises EngineError for anything else."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _no_engine() from None


def _hint(status: int) -> str:
    """What to do about an answer that the engine itself can't mend."""
    return "look at the engine's log, and try again" if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR else ""


def _no_engine() -> EngineError:
    return EngineError(
        "What answers isn't a Docker engine.",
        hint="check `engine` in tagship.yml, DOCKER_HOST, and who has that socket",
    )


def _message(response: requests.Response) -> str:
    try:
        return f"The engine says: {str(json.loads(response.content)['message']).rstrip('.')}."
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"The engine says {response.status_code}: {response.text[:200]}."
