"""Answers of Caddy's admin API, as bytes that came through the edge's shell."""

import pytest

from tagship.edge.admin import answered

CHUNKED = (
    b'HTTP/1.1 200 OK\r\nEtag: "/x 1"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n4;x=y\r\n: 1}\r\n0\r\n\r\n'
)


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        (CHUNKED, (200, '"/x 1"', {"a": 1})),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", (200, "", [])),
        (b"HTTP/1.1 412 Precondition Failed\r\nConnection: close\r\n\r\n", (412, "", None)),
        (b"HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\nno JSON", (500, "", "no JSON")),
        (b"", (0, "", None)),
        (b"nc: can't connect", (0, "", "nc: can't connect")),
    ],
)
def test_an_answer_is_understood(said: bytes, understood: object) -> None:
    assert answered(said) == understood


@pytest.mark.parametrize("length", [20, len(CHUNKED) - 12, len(CHUNKED) - 25])
def test_an_answer_that_is_not_whole_is_none(length: int) -> None:
    assert answered(CHUNKED[:length])[0] == 0
