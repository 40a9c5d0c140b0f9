"""Runs the smoke tests, end-to-end checks that a release must pass. Retries with backoff until a deadline."""

import http.client
import json
import shlex
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tagship.errors import SmokeTestError, plain
from tagship.names import MAINTENANCE, RELEASE_HEADER
from tagship.project.schema import SmokeCheck
from tagship.system import direct, group, limited
from tagship.system.programs import environment

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
_LEAST = 1.0
"""Seconds that a check has at least, even when the time for all of them has nearly passed."""
_DAY = 86400
_SHOWN = 160
"""How many characters of a body a failure shows."""


def run(
    checks: Sequence[SmokeCheck],
    url: str,
    within: float,
    *,
    release: str = "",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Run every check until all pass. Raises SmokeTestError with each one that still fails at the deadline.

    With `release`, an answer from any other release fails, too.
    """
    began = time.monotonic()
    deadline = began + within
    pause = FIRST_PAUSE
    while True:
        failures = []
        for check in checks or (SmokeCheck(path="/"),):
            left = max(_LEAST, deadline - time.monotonic())
            if problem := _problem(check, url, release, headers or {}, min(check.within, left)):
                failures.append(problem)
        if not failures:
            return
        if time.monotonic() + pause > deadline:
            raise SmokeTestError(
                "\n".join(("The smoke test failed:", *failures)),
                hint="correct the release, or `smoke` in tagship.yml, then deploy again; "
                f"it was tried for {time.monotonic() - began:.1f} s",
            )
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


def _problem(check: SmokeCheck, url: str, release: str, headers: Mapping[str, str], within: float) -> str:
    """The problem in one line; empty if the check passes."""
    try:
        if check.run:
            return _command(check, url, headers, within)
        return _request(check, url, release, headers, within)
    except TimeoutError:
        return f"{check.method} {check.path}: no answer within {within:.3g} s"
    except (OSError, http.client.HTTPException) as error:
        return f"{check.method} {check.path}: {plain(error)}"
    except ValueError as error:  # a path that isn't ASCII, or an unclosed quote
        return f"{check.run or f'{check.method} {check.path}'}: {error}"


def _request(check: SmokeCheck, url: str, release: str, headers: Mapping[str, str], within: float) -> str:
    began = time.monotonic()
    connection = direct.connection(url, within)
    try:
        try:
            connection.connect()
        except socket.gaierror as error:
            raise OSError(f"{connection.host} has no address: {error.strerror}; point it to the server") from None
        connection.request(check.method, check.path, headers={"User-Agent": "tagship-smoke-test", **headers})
        connection.sock.settimeout(max(limited.LEAST, began + within - time.monotonic()))
        response = connection.getresponse()
        try:
            body = response.read()
        except TimeoutError:
            raise OSError(f"status {response.status}, but the answer doesn't end within {within:.3g} s") from None
        took = time.monotonic() - began
        problem = _unlike(check, response, body, took) or _wrong_release(release, response)
        if not problem and check.tls_days and isinstance(connection.sock, ssl.SSLSocket):
            problem = _expiring(check, connection.sock)
    finally:
        connection.close()
    return f"{check.method} {check.path}: {problem}" if problem else ""


def _unlike(check: SmokeCheck, response: http.client.HTTPResponse, body: bytes, took: float) -> str:
    text = body.decode(errors="replace")
    if response.status != check.status:
        closed = response.headers.get(RELEASE_HEADER) == MAINTENANCE
        why = "maintenance is on; `tagship maintenance.off` ends it" if closed else repr(text[:_SHOWN].strip())
        return f"status {response.status}, not {check.status}: {why}"
    if check.contains and check.contains not in text:
        return f"{check.contains!r} is not in the body: {text[:_SHOWN].strip()!r}"
    for name, value in check.headers.items():
        if response.headers.get(name) != value:
            return f"header {name} is {response.headers.get(name)!r}, not {value!r}"
    if problem := _unlike_json(check.json_, text):
        return problem
    if took > check.within:
        return f"took {took:.1f} s, more than {check.within:g} s"
    return ""


def _unlike_json(wanted: Mapping[str, Any], text: str) -> str:
    try:
        document = json.loads(text) if wanted else None
    except ValueError:
        return f"the body is not JSON: {text[:_SHOWN].strip()!r}"
    for path, value in wanted.items():
        found = _at(document, path)
        if found != value:
            return f"JSON {path} is {found!r}, not {value!r}"
    return ""


def _at(value: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    """The value at `a.b.0` in a JSON document; None if there is none."""
    try:
        for part in path.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return value


def _wrong_release(release: str, response: http.client.HTTPResponse) -> str:
    answered = response.headers.get(RELEASE_HEADER, "")
    if release and not answered.startswith(f"{release}-"):
        return f"{answered or 'no release'} answered, not {release}"
    return ""


def _expiring(check: SmokeCheck, connection: ssl.SSLSocket) -> str:
    until = ssl.cert_time_to_seconds(str((connection.getpeercert() or {}).get("notAfter")))
    days = (until - time.time()) / _DAY
    return f"the certificate expires in {days:.0f} days" if days < check.tls_days else ""


def _command(check: SmokeCheck, url: str, headers: Mapping[str, str], within: float) -> str:
    given = {"SMOKE_URL": url, "SMOKE_HEADER": "".join(f"{name}: {value}" for name, value in headers.items())}
    try:
        process = group.begin(shlex.split(check.run), environment(given))
    except OSError as error:
        return f"{check.run}: {error.strerror}"
    with process:
        try:
            said, _ = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            group.end(process)
            return f"{check.run}: not done within {within:.3g} s"
        except BaseException:
            group.end(process)
            raise
    lines = said.strip().splitlines()
    return f"{check.run}: exit {process.returncode}: {' / '.join(lines[-3:])}" if process.returncode else ""
