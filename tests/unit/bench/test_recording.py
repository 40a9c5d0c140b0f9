"""How the bytes of a call are named."""

import base64

import pytest

from tests.bench.recording import said

_ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        (b"GET /v1.41/containers/json?all=true HTTP/1.1\r\nHost: x\r\n\r\n", "GET /containers/json?…"),
        (f"POST /containers/{_ID}/start HTTP/1.1\r\n".encode(), "POST /containers/0123456789ab/start"),
        (b"HEAD /_ping HTTP/1.1\r\n", "HEAD /_ping"),
    ],
)
def test_a_call_is_named_by_method_and_path(sent: bytes, named: str) -> None:
    assert said(sent) == named


def test_what_a_shell_is_told_is_shown_as_it_begins_with_base64_decoded() -> None:
    sent = b"{ echo " + base64.b64encode(b"GET /config HTTP/1.1\r\nHost: x") + b" | base64 -d | nc 127.0.0.1 2019"

    assert said(sent) == f"shell, {len(sent)} bytes: {{ echo 'GET /config HTTP/1.1' | nc 127.0.0.1 2019"
