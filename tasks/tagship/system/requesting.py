"""The session of `web`, in a module of its own because requests is heavy to import."""

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
"""How often what is only read is asked again after its connection broke; and anything, when none could be made."""


class _Retry(Retry):
    """One that asks again neither after silence, for the time is used up then, nor whom it doesn't trust."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Raises what isn't tried again."""
        if isinstance(error, TooLate | SSLError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


class _Adapter(HTTPAdapter):
    """Trusts what this machine trusts; requests by itself trusts the list that came with it."""

    def __init__(self, again: Sequence[str]) -> None:
        self._trust = ssl.create_default_context()
        super().__init__(max_retries=_Retry(AGAIN, status=0, redirect=0, backoff_factor=0.1, allowed_methods=again))

    def init_poolmanager(self, *sizes: Any, **more: Any) -> None:  # noqa: ANN401 - as requests calls it
        """Connections straight to a host."""
        super().init_poolmanager(*sizes, ssl_context=self._trust, **more)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:  # noqa: ANN401 - as requests calls it
        """Connections through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **more)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:  # noqa: ANN401 - as requests calls it
        """Trust what REQUESTS_CA_BUNDLE names, too."""
        if verify is not True:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]


class _Session(requests.Session):
    """One that never takes a password from ~/.netrc: it would take the place of the token."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Leave the token behind where a redirect leads to another host."""
        elsewhere = self.should_strip_auth(str(response.request.url), str(prepared_request.url))  # type: ignore[no-untyped-call]
        if elsewhere:
            prepared_request.headers.pop("Authorization", None)


def session(again: Sequence[str]) -> requests.Session:
    """A new one; `again`: the methods that may be tried again."""
    made = _Session()
    made.auth = lambda asked: asked  # says that it is seen to: ~/.netrc isn't looked at
    made.mount("https://", _Adapter(again))
    made.mount("http://", _Adapter(again))
    return made
