"""The session of `web`, in a separate module because requests is slow to import."""

import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import SSLError
from urllib3.exceptions import TimeoutError as TooLate
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

AGAIN = 2
"""How often a read is repeated after its connection broke, and any request after no connection could be made."""


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
    """Trusts the machine's certificates; requests itself trusts only the list that it brings along."""

    def __init__(self, again: Sequence[str]) -> None:
        self._trust = ssl.create_default_context()
        super().__init__(max_retries=_Retry(AGAIN, status=0, redirect=0, backoff_factor=0.1, allowed_methods=again))

    def init_poolmanager(self, *sizes: Any, **more: Any) -> None:  # noqa: ANN401 - as requests calls it
        """Create direct connections."""
        super().init_poolmanager(*sizes, ssl_context=self._trust, **more)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:  # noqa: ANN401 - as requests calls it
        """Create connections through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **more)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as requests calls it
        """Also trust the certificates in REQUESTS_CA_BUNDLE."""
        if verify is not True:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]


class _Session(requests.Session):
    """A session that never takes a password from ~/.netrc, which would replace the token."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Remove the token if a redirect leads to another host."""
        elsewhere = self.should_strip_auth(str(response.request.url), str(prepared_request.url))  # type: ignore[no-untyped-call]
        if elsewhere:
            prepared_request.headers.pop("Authorization", None)


def session(again: Sequence[str]) -> requests.Session:
    """A new session; `again`: the methods that may be retried."""
    made = _Session()
    made.auth = lambda asked: asked  # with this set, requests doesn't read ~/.netrc
    made.mount("https://", _Adapter(again))
    made.mount("http://", _Adapter(again))
    return made
