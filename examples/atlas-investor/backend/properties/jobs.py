"""Work that a request leaves to the worker, handed over through a Redis list."""

import functools
import json
from typing import Any

import redis
from django.conf import settings

from properties import queries

DISTRICT_STATISTICS = "district-statistics"


class Queue:
    """First in, first out; a job is a name with arguments, small and plain."""

    def __init__(self, connection: redis.Redis, key: str) -> None:
        self._connection = connection
        self._key = key

    def push(self, name: str, /, **arguments: str) -> None:
        self._connection.rpush(self._key, json.dumps({"name": name, "arguments": arguments}))

    def pop(self, seconds: float) -> dict[str, Any] | None:
        """Wait for the next job; None when there was none in that time."""
        item = self._connection.blpop([self._key], timeout=seconds)
        return json.loads(item[1]) if item else None


@functools.cache
def queue() -> Queue:
    """Return this process's queue; redis-py's pool is safe among threads and across a fork."""
    connection = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3)
    return Queue(connection, f"{settings.REDIS_PREFIX}:jobs")


def compute_district_statistics(district: str) -> None:
    queries.compute_statistics(district)


HANDLERS = {DISTRICT_STATISTICS: compute_district_statistics}
