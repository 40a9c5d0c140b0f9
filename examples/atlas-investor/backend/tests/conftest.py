"""Django is set up when the services it needs are named; without them the unit tests still run."""

import os
import uuid
from pathlib import Path

import pytest

SERVICES = ("DATABASE_URL", "REDIS_URL")
MISSING = [name for name in SERVICES if not os.environ.get(name)]


def pytest_configure() -> None:
    """Give Django the settings tests want, before pytest-django looks for them."""
    if MISSING:
        return
    os.environ.update(
        DJANGO_SETTINGS_MODULE="atlas.settings",
        SECRET_KEY="only for tests",  # noqa: S106
        ALLOWED_HOSTS="testserver",
        CORS_ALLOWED_ORIGINS="https://investor.example.com",
        DEMO_ENDPOINTS="1",
        RELEASE_SHA="0123456789abcdef0123456789abcdef01234567",
        ENVIRONMENT="test",
        REDIS_PREFIX=f"test-{uuid.uuid4().hex}",
        MAPBOX_TOKEN="pk.test",  # noqa: S106
        IDEALISTA_API_SECRET="",
        INE_API_TOKEN="",
        SENTRY_DSN="",
        SENTRY_TRACES_SAMPLE_RATE="",
        EMAIL_HOST="",
        HEALTH_MAX_DISK="",
        HEALTH_MAX_MEMORY="",
    )
    from django.conf import settings  # noqa: PLC0415 — not before the variables are there

    settings.INSTALLED_APPS  # noqa: B018 — settings are read at first use


class SkippedModule(pytest.Module):
    """Reports its file as skipped, without importing what needs GDAL and a database."""

    def collect(self) -> list[pytest.Item]:
        """Say what would make it run. A service that is named but down is no reason to skip."""
        pytest.skip(
            f"needs PostGIS and Redis: set {' and '.join(MISSING)}", allow_module_level=True
        )


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    if MISSING and "integration" in module_path.parts:
        return SkippedModule.from_parent(parent, path=module_path)
    return None
