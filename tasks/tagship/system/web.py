"""Makes HTTP requests to APIs, with this machine's proxies and certificates."""

from __future__ import annotations

import ipaddress
import os
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin, urlsplit

from tagship.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from requests.auth import AuthBase

_HOPS = 5
_SENDABLE = re.compile(r"(?! )[ -~\x80-\xff]*")
"""A header's value that can be sent."""
_LIBRARIES = ("docker", "requests", "urllib3")
_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
FOLLOWED = ("GET", "HEAD")
"""Methods that may be redirected or repeated without doing anything twice."""

_NEVER = ("-",)
"""No method; urllib3 takes an empty list for all of them."""


@dataclass(frozen=True)
class Reply:
    """An answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


_sessions: dict[tuple[str, ...], requests.Session] = {}
"""A check of the answer's certificate is always made."""


def session(authority: str = "", *, again: bool = True) -> requests.Session:
    """The session for all requests but those to engines. It repeats reads by itself, but for `again=False`.

    `authority`: a file with the only certificates to trust; by default, the machine's.
    """
    trusted = (*(os.environ.get(name, "") for name in _TRUST), authority, str(again))
    if trusted not in _sessions:
        from tagship.system import requesting  # noqa: PLC0415 - requests is slow to import

        _sessions[trusted] = requesting.Session(FOLLOWED if again else _NEVER, authority)
    return _sessions[trusted]


def close() -> None:
    """Close idle connections."""
    while _sessions:
        _sessions.popitem()[1].close()


def token(name: str, environment: Mapping[str, str]) -> str:
    """The token in a variable, without the newline that a pasted one often ends in. Raises ConfigError."""
    found = environment.get(name, "").strip()
    if not re.fullmatch(r"[!-~]*", found):
        raise ConfigError(f"{name} has invalid characters.", hint="paste it again")
    return found


def request(  # noqa: PLR0913 - one door
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: str | None = None,
    *,
    within: float,
    auth: AuthBase | None = None,
    authority: str = "",
    again: bool = True,
) -> Reply:
    """Ask. Raises OSError; `within`: seconds for everything, all tries and redirects. Others: as `session` has them.

    Only what is read follows redirects, and credentials don't go along to another host. With `auth`, which has
    credentials to give when it is asked for them, nothing does.
    """
    end = time.monotonic() + within
    sent, data = dict(headers), None if body is None else body.encode()
    for name, value in sent.items():
        if not _SENDABLE.fullmatch(value):  # requests would put the value, which may be a token, into its error
            raise OSError(f"the header {name} has invalid characters")
    try:
        for _ in range(_HOPS):
            reply, elsewhere = _once(session(authority, again=again), method, url, sent, data, end, auth)
            if not elsewhere or method not in FOLLOWED or auth is not None:
                return reply
            if session(authority).should_strip_auth(url, elsewhere):  # type: ignore[no-untyped-call]
                sent.pop("Authorization", None)
            url = elsewhere
        raise OSError(f"it redirects more than {_HOPS} times")  # noqa: TRY301 - as any other
    except Exception as error:  # noqa: BLE001 - urllib3's errors have no base that could be named without importing it
        _fail(error)


def _once(  # noqa: PLR0913, PLR0917 - one request
    over: requests.Session,
    method: str,
    url: str,
    headers: Mapping[str, str],
    data: bytes | None,
    end: float,
    auth: AuthBase | None,
) -> tuple[Reply, str]:
    """The answer of one address, and the URL that it redirects to, if it does. `end`: on the monotonic clock."""
    # a proxy is never meant for this machine itself
    proxies = {"no_proxy": urlsplit(url).hostname or ""} if is_loopback(url) else None
    from tagship.system.requesting import Until  # noqa: PLC0415 - `session` has imported it

    with over.request(
        method, url, headers=headers, data=data, timeout=Until(end), stream=True, proxies=proxies, auth=auth,  # type: ignore[arg-type]
        allow_redirects=False,
    ) as response:  # fmt: skip
        read = response.raw.read(decode_content=True)
        target = over.get_redirect_target(response)
        reply = Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, read)
        return reply, urljoin(url, target) if target else ""


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, so that nothing travels over a network."""
    name = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def cause(error: BaseException) -> OSError | None:
    """The system's own error message, inside requests' and urllib3's errors."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and type(found).__module__.partition(".")[0] not in _LIBRARIES:
            return found
        found = found.__cause__ or found.__context__
    return None


def _fail(error: Exception) -> NoReturn:
    """Convert the libraries' errors to the system's error, or at least to OSError; leave others as they are."""
    if type(error).__module__.partition(".")[0] in _LIBRARIES:
        raise cause(error) or OSError(str(error)) from None
    raise error
