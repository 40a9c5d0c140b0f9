"""The session of `web`, in a separate module because requests is slow to import."""

import ssl
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import SSLError
from urllib3.exceptions import TimeoutError as TooLate
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry, Timeout

from tagship.system.limited import LEAST, Response

AGAIN = 2
"""How often a read is repeated after its connection broke, and any request after no connection could be made."""


class Until(Timeout):
    """The time that is left until a moment of the monotonic clock, for each try and each part of one."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self._end = end

    def clone(self) -> Timeout:
        """For a new try."""
        return Until(self._end)

    @property
    def connect_timeout(self) -> float:
        """Seconds for a connection."""
        return max(LEAST, self._end - time.monotonic())

    @property
    def read_timeout(self) -> float:
        """Seconds for an answer."""
        return self.connect_timeout


class _Connection(HTTPConnection):
    response_class = Response


class _SecureConnection(HTTPSConnection):
    response_class = Response


class _Retry(Retry):
    """Doesn't repeat a request after a timeout, because the time is used up, or after a certificate error."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Raises errors that must not be retried."""
        if isinstance(error, TooLate | SSLError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class _Adapter(HTTPAdapter):
    """Trusts the machine's certificates, read when first needed; requests trusts only the list that it brings along."""

    def __init__(self, again: Sequence[str], tries: int, trust: ssl.SSLContext | None = None) -> None:
        self._trust = trust
        retries = _Retry(
            tries, status=0, redirect=0, backoff_factor=0.1, allowed_methods=again,
            respect_retry_after_header=False,  # the caller reads an answer that says when to come back
        )  # fmt: skip
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *sizes: Any, **more: Any) -> None:  # noqa: ANN401 - as requests calls it
        """Create direct connections."""
        super().init_poolmanager(*sizes, ssl_context=self._trust, **more)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:  # noqa: ANN401 - as requests calls it
        """Create connections through a proxy."""
        if not self._trust and proxy.lower().startswith("https:"):
            self._trust = ssl.create_default_context()
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **more)

    def get_connection_with_tls_context(self, *about: Any, **more: Any) -> Any:  # noqa: ANN401 - as requests calls it
        """Make connections whose answers must end in time."""
        pool: Any = super().get_connection_with_tls_context(*about, **more)
        pool.ConnectionCls = _SecureConnection if pool.scheme == "https" else _Connection
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as requests calls it
        """Also trust the certificates in REQUESTS_CA_BUNDLE."""
        if verify is not True:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]


class Session(requests.Session):
    """A session that never takes a password from ~/.netrc, which would replace the token."""

    def __init__(self, again: Sequence[str], authority: str = "", tries: int = AGAIN) -> None:
        """`again`: the methods that may be retried. `authority`: a file with the only certificates to trust."""
        super().__init__()
        self._again, self._tries, self._mounting = again, tries, threading.Lock()
        self._authority = authority
        self.auth = lambda asked: asked  # with this set, requests doesn't read ~/.netrc
        self.mount("http://", _Adapter(again, tries))
        del self.adapters["https://"]

    def merge_environment_settings(self, *about: Any) -> Any:  # noqa: ANN401 - as requests calls it
        """Leave out REQUESTS_CA_BUNDLE where other certificates are the only ones to trust."""
        settings: Any = super().merge_environment_settings(*about)
        return {**settings, "verify": True} if self._authority else settings

    def get_adapter(self, url: str) -> BaseAdapter:
        """HTTPS's is made when it is needed: reading the machine's certificates takes 50 ms."""
        with self._mounting:
            if "https://" not in self.adapters and url.lower().startswith("https:"):
                trust = ssl.create_default_context(cafile=self._authority or None)
                self.mount("https://", _Adapter(self._again, self._tries, trust))
        return super().get_adapter(url)
