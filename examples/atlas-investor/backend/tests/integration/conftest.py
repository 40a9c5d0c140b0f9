"""What the tests against a real PostGIS and a real Redis share."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    """Leave nothing in Redis; every key of this run has a prefix of its own."""
    yield
    with redis.Redis.from_url(settings.REDIS_URL) as connection:
        for key in connection.scan_iter(f"{settings.REDIS_PREFIX}:*"):
            connection.delete(key)
