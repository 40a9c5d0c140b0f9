"""The envelopes that SDKs send: https://develop.sentry.dev/sdk/data-model/envelopes/."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any, Dict, Iterator, NamedTuple

import brotli

DECODERS = {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotli.decompress}
Header = Dict[str, Any]


class Item(NamedTuple):
    """One part of an envelope, with what the envelope says of all of them."""

    envelope: Header
    header: Header
    payload: bytes


def decoded(body: bytes, encoding: str) -> bytes:
    """Undo the Content-Encoding. Raises ValueError for one that is unknown, or that the body isn't in."""
    if not encoding:
        return body
    try:
        return bytes(DECODERS[encoding](body))
    except (KeyError, OSError, EOFError, zlib.error, brotli.error) as error:
        raise ValueError(f"not in the content encoding {encoding}") from error


def items(body: bytes) -> Iterator[Item]:
    """Take an envelope apart. Raises ValueError where it isn't one."""
    first, _, rest = body.partition(b"\n")
    envelope = json.loads(first)
    while rest.strip():
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        length = header.get("length", rest.find(b"\n") if b"\n" in rest else len(rest))
        yield Item(envelope, header, rest[:length])
        rest = rest[length + 1 :]
