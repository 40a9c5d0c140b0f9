"""Django settings, read from environment variables and nothing else."""

import os
from urllib.parse import unquote

from atlas.environment import Environment

env = Environment(os.environ)

# What runs, and where. Compose passes both on from the deploy.
RELEASE_SHA = env.text("RELEASE_SHA", "development")
ENVIRONMENT = env.text("ENVIRONMENT", "development")
DEBUG = env.flag("DEBUG")
DEMO_ENDPOINTS = env.flag("DEMO_ENDPOINTS")

# TLS ends at the edge, which tells the scheme and redirects plain HTTP itself.
SECRET_KEY = env.text("SECRET_KEY")
ALLOWED_HOSTS = [*env.words("ALLOWED_HOSTS"), "localhost"]  # localhost: the container's healthcheck
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS", "")

INSTALLED_APPS = [
    "django.contrib.gis",
    "corsheaders",
    "properties",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "atlas.urls"
WSGI_APPLICATION = "atlas.wsgi.application"
USE_TZ = True
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Debian 12's GDAL draws this one; nobody hands us raster files or spatial references.
SILENCED_SYSTEM_CHECKS = ["gis.W001"]

# A password may also come by itself: unlike one inside a URL it needs no percent-encoding.
# No `options` here: they would replace PGOPTIONS, by which a migration gets its lock_timeout.
database = env.url("DATABASE_URL", "postgis", "postgres", "postgresql")
DATABASES = {
    "default": {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": unquote(database.path.lstrip("/")),
        "USER": unquote(database.username or ""),
        "PASSWORD": unquote(database.password or "") or env.text("POSTGRES_PASSWORD", ""),
        "HOST": database.hostname or "",
        "PORT": database.port or 5432,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5},
    },
}

env.url("REDIS_URL", "redis", "rediss")
REDIS_URL = env.text("REDIS_URL", "")
REDIS_PREFIX = env.text("REDIS_PREFIX", "atlas")  # of every key, where a Redis is shared
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": REDIS_PREFIX,
        "OPTIONS": {"socket_connect_timeout": 3, "socket_timeout": 3},
    },
}
SEARCH_CACHE_SECONDS = env.number("SEARCH_CACHE_SECONDS", 60)

# Percentages of use at which /health/ turns to 503.
HEALTH_MAX_DISK = env.number("HEALTH_MAX_DISK", 95)
HEALTH_MAX_MEMORY = env.number("HEALTH_MAX_MEMORY", 95)

EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.number("EMAIL_PORT", 587)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_PORT == 587  # noqa: PLR2004 — the submission port speaks STARTTLS
EMAIL_USE_SSL = EMAIL_PORT == 465  # noqa: PLR2004 — this one TLS from the start
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "atlas@localhost")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"

MAPBOX_TOKEN = env.text("MAPBOX_TOKEN", "")
IDEALISTA_API_KEY = env.text("IDEALISTA_API_KEY", "")
IDEALISTA_API_SECRET = env.text("IDEALISTA_API_SECRET", "")
INE_API_TOKEN = env.text("INE_API_TOKEN", "")

# The deploy sets SENTRY_ENVIRONMENT, and SENTRY_RELEASE, which the SDK reads itself.
SENTRY_DSN = env.text("SENTRY_DSN", "")
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", ENVIRONMENT)
SENTRY_TRACES_SAMPLE_RATE = env.share("SENTRY_TRACES_SAMPLE_RATE", 0.1)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "atlas.logs.JsonFormatter"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "json",
        },
    },
    "root": {"handlers": ["stdout"], "level": env.text("LOG_LEVEL", "INFO")},
    # Django gives these handlers of its own; the root's is enough.
    "loggers": {name: {"handlers": []} for name in ("django", "django.server")},
}

env.check()

if SENTRY_DSN:
    from atlas import sentry  # the SDK slows a boot by a sixth, so only where it is used

    sentry.start(SENTRY_DSN, SENTRY_ENVIRONMENT, SENTRY_TRACES_SAMPLE_RATE)
