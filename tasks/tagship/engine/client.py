"""One Docker engine, spoken to over its socket by Docker's own client: the few calls a deploy makes, a round trip each.

Docker's Engine API, https://docs.docker.com/reference/api/engine/; what docker-py does for us and what it doesn't:
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
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from tagship.engine.link import Here, Link
from tagship.errors import ConnectionFailedError, EngineError
from tagship.system import web

if TYPE_CHECKING:
    import requests

    from tagship.engine.transport import Client, Hijacked

NEWEST_API = (1, 51)
"""The newest API version this client was tried with; an engine that speaks less is spoken to in its own."""
OLDEST_API = (1, 41)
"""Docker 20.10's."""
CALL_TIMEOUT = 120.0
"""Seconds without a byte after which a call is given up; a pull reports progress long before."""


def prepare() -> None:
    """Start importing Docker's client, for who waits for a program next and needs it later."""
    threading.Thread(target=importlib.import_module, args=("tagship.engine.transport",)).start()


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
        self._link: Link = link or Here(socket)
        self._path = socket
        self._changing = threading.Lock()
        self._client = self._new()

    @property
    def socket(self) -> Path:
        """The engine's socket, for programs too. Raises ConnectionFailedError when it can't be had again."""
        return self._reached().path

    def connect(self) -> None:
        """Agree on an API version. Raises ConnectionFailedError or EngineError."""
        with self._response("GET", "/_ping") as response:
            spoken = response.headers.get("Api-Version", "0.0")
        major, _, minor = spoken.partition(".")
        self.api = min((int(major), int(minor)), NEWEST_API)
        if self.api < OLDEST_API:
            raise EngineError(f"The engine speaks API {spoken}.", hint="Docker 20.10 or later is needed")
        self._client = self._new(self._reached())

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """GET and decode. Raises EngineError, with its status, on 4xx and 5xx."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:  # noqa: ANN401 - JSON
        """One call: JSON in, JSON out (None for an empty answer). Raises EngineError with the status."""
        with self._response(method, path, query, body=body) as response:
            return json.loads(response.content) if response.content else None

    def put_archive(self, container: str, folder: str, tar: bytes) -> None:
        """Unpack a tar into a container's file system, started or not."""
        with self._docker() as docker:
            docker.put_archive(container, folder, tar)

    @contextmanager
    def archive(self, container: str, path: str) -> Iterator[Any]:
        """A path of a container's file system, as a tar to be read as it comes."""
        asked = f"/containers/{quote(container)}/archive"
        with self._response("GET", asked, {"path": path}, stream=True) as response:
            response.raw.decode_content = True  # engines compress what goes to whoever takes it compressed
            yield response.raw

    def load(self, tar: bytes, repository: str, tag: str) -> None:
        """Import a root file system as an image."""
        with self._docker() as docker:
            docker.import_image_from_data(tar, repository, tag)

    def stream(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **query: object
    ) -> Iterator[dict[str, Any]]:
        """One call's answer as it comes, a JSON object a line; ends with the answer, or when the caller stops."""
        with self._response(method, path, query, stream=True, headers=headers) as response:
            for line in response.iter_lines(chunk_size=None):
                if line:
                    yield json.loads(line)

    def text(self, path: str, **query: object) -> bytes:
        """GET raw bytes."""
        with self._response("GET", path, query) as response:
            return response.content

    def pull(self, repository: str, digest: str, credentials: Mapping[str, str] | None = None) -> None:
        """Pull by digest; credentials travel in this one request's header. Raises EngineError."""
        with self._docker() as docker:
            said = docker.pull(repository, digest, stream=True, decode=True, auth_config=dict(credentials or {}))
            for line in said:
                if "error" in line:
                    raise EngineError(f"Pulling {repository}@{digest}: {line['error']}.")

    def push(self, repository: str, tag: str, credentials: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Push a tag; what the engine says of it, as it comes. Raises EngineError."""
        from docker.auth import encode_header  # noqa: PLC0415 - see `transport`

        headers = {"X-Registry-Auth": encode_header(dict(credentials)).decode()}
        return self.stream("POST", f"/images/{repository}/push", headers, tag=tag)

    def hijack(self, container: str, argv: list[str]) -> Hijacked:
        """Run a program in a running container, its stdin and output ours. Raises EngineError."""
        from tagship.engine.transport import APIError, Hijacked  # noqa: PLC0415 - heavy, and loaded by now

        with self._docker() as docker:
            created = docker.exec_create(container, argv, stdin=True)["Id"]
        with self._docker() as docker:  # which may be another by now, over a new link
            try:
                return Hijacked(docker.exec_start(created, socket=True), created)
            except APIError as error:
                status = error.status_code or 0
                raise EngineError(f"The engine can't run {argv[0]} in {container[:12]}.", status=status) from error

    def exit_code(self, stream: Hijacked) -> int:
        """How a hijacked program ended."""
        with self._docker() as docker:
            return int(docker.exec_inspect(stream.id)["ExitCode"])

    def lend(self, port: int) -> int:
        """Let the engine reach a port of this machine's loopback. Returns the port it has there."""
        return self._link.lend(port)

    def cut(self) -> ConnectionFailedError | None:
        """What to say when the link to it is cut, whatever else a program said meanwhile; None while it stands."""
        return self._link.cut()

    def unreachable(self, error: Exception) -> ConnectionFailedError:
        """What to say of a call that failed."""
        return self._link.explain(web.cause(error) or error)

    def now(self) -> float:
        """Seconds since the epoch by the engine's clock, as of its last answer's Date."""
        return time.time() + self.clock_skew

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _reached(self) -> Client:
        """Docker's client, on the socket that leads to the engine now."""
        path = self._link.socket()
        if self._client.path != path:
            with self._changing:
                if self._client.path != path:
                    self.close()
                    self._path = path
                    self._client = self._new()
        return self._client

    def _new(self, before: Client | None = None) -> Client:
        """A client that speaks the version agreed on, with the connections of the one before."""
        from tagship.engine.transport import Client  # noqa: PLC0415 - heavy

        version = "{}.{}".format(*self.api if self.api[0] else OLDEST_API)
        client = Client(self._path, version, CALL_TIMEOUT, before.connections if before else None)
        client.hooks["response"].append(self._note)
        return client

    def _note(self, response: requests.Response, **_: object) -> None:
        """Count an answer, and what the engine's clock says."""
        self.calls += 1
        if date := response.headers.get("Date"):
            self.clock_skew = email.utils.parsedate_to_datetime(date).timestamp() - time.time()

    @contextmanager
    def _docker(self) -> Iterator[Client]:
        """Docker's client, its errors turned into ours."""
        client = self._reached()
        from tagship.engine.transport import FAILURES, APIError  # noqa: PLC0415 - heavy, and loaded by now

        try:
            yield client
        except APIError as error:  # an OSError, too
            if error.response is None:
                raise self.unreachable(error) from error
            raise EngineError(_message(error.response), status=error.response.status_code) from error
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
    ) -> Iterator[requests.Response]:
        """The answer to one request; with `stream` only its head is here, and the rest may take as long as it likes."""
        with self._docker() as docker:
            version = f"/v{docker.api_version}" if self.api[0] else ""
            text = {k: json.dumps(v) if isinstance(v, dict | bool) else str(v) for k, v in (query or {}).items()}
            url = f"{docker.base_url}{version}{path}{'?' if text else ''}{urlencode(text)}"
            within = None if stream else CALL_TIMEOUT
            response = docker.request(
                method, url, json=body, headers=headers, stream=stream, timeout=within, allow_redirects=False
            )
            try:
                if response.status_code >= http.HTTPStatus.BAD_REQUEST:
                    raise EngineError(_message(response), status=response.status_code)
                yield response
            finally:
                response.close()


def _message(response: requests.Response) -> str:
    try:
        return f"The engine says: {json.loads(response.content)['message'].rstrip('.')}."
    except (ValueError, KeyError, TypeError):
        return f"The engine says {response.status_code}: {response.text[:200]}."
