"""Slow, streamed and failed responses, to watch a deploy by; served only with DEMO_ENDPOINTS=1."""

import time
from collections.abc import Iterator
from typing import NoReturn

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse

LONGEST_SECONDS = 5.0
CHUNKS = 10
STREAM_SECONDS = 1.0


def slow(request: HttpRequest) -> JsonResponse:
    """Answer after `?seconds=`, at most 5."""
    try:
        seconds = float(request.GET.get("seconds", "1"))
    except ValueError:
        return JsonResponse({"error": "seconds must be a number"}, status=400)
    seconds = min(max(0.0, seconds), LONGEST_SECONDS)  # in this order NaN becomes 0
    time.sleep(seconds)
    return JsonResponse({"slept": seconds})


def stream(_: HttpRequest) -> StreamingHttpResponse:
    """Answer in ten pieces within a second, each a line."""
    return StreamingHttpResponse(pieces(), content_type="text/plain")


def error(_: HttpRequest) -> NoReturn:
    """Fail, for Sentry to show."""
    raise RuntimeError("Atlas Investor's demo error")


def pieces() -> Iterator[str]:
    for number in range(1, CHUNKS + 1):
        yield f"chunk {number} of {CHUNKS}\n"
        time.sleep(STREAM_SECONDS / CHUNKS)
