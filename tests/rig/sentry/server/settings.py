"""Settings over Sentry's own: one process, with neither Kafka nor Celery's workers. Sentry reads it by itself."""

import os
from pathlib import Path

_url = os.environ["RIG_URL"]
_redis = {"hosts": {0: {"host": "127.0.0.1", "port": 6379}}}

DATABASES = {
    "default": {
        "ENGINE": "sentry.db.postgres",
        "NAME": "sentry",
        "USER": "postgres",
        "HOST": "127.0.0.1",
    },
}
SENTRY_CACHE = "sentry.cache.redis.RedisCache"
SENTRY_RATELIMITER = "sentry.ratelimits.redis.RedisRateLimiter"
SENTRY_OPTIONS = {
    "system.secret-key": "tells nobody but the rig's own machines",
    "system.url-prefix": _url,
    "system.internal-url-prefix": _url,
    "system.admin-email": "owner@example.com",
    "mail.backend": "dummy",
    "beacon.anonymous": True,
    "redis.clusters": {"default": _redis, "rc-default": {"is_redis_cluster": False, **_redis}},
    "filestore.backend": "filesystem",
    "filestore.options": {"location": str(Path(os.environ["RIG_FOLDER"], "files"))},
    # or the task, run at once, wants parts of a bundle that sentry-cli is only then told to send
    "sourcemaps.artifact_bundles.assemble_with_missing_chunks": True,
}

# tasks run where they are asked for
CELERY_ALWAYS_EAGER = True
BROKER_URL = "memory://"

# no package registry has Relay and Snuba
SENTRY_EVENTSTREAM = "server.events.Stream"
ROOT_URLCONF = "server.urls"

SENTRY_BEACON = False
SENTRY_PROJECT = None
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
