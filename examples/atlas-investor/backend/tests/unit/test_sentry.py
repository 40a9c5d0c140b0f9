"""What Sentry gets to know, and what not."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from atlas import sentry
from properties.worker import Worker

DSN = "https://key@sentry.example.com/1"
SECRET = "Rua da Prova 1"  # noqa: S105 — of a job
REQUIRED = {
    "SECRET_KEY": "only for tests",
    "ALLOWED_HOSTS": "testserver",
    "DATABASE_URL": "postgis://atlas@db/atlas",
    "REDIS_URL": "redis://redis",
    "ENVIRONMENT": "",
    "SENTRY_ENVIRONMENT": "",
    "SENTRY_RELEASE": "",
}
PROBE = """
import json, sys
import atlas.settings
sdk = sys.modules.get("sentry_sdk")
names = "dsn", "release", "environment", "enable_logs"
options = sdk.get_client().options if sdk else {}
print(json.dumps({name: options[name] for name in names if name in options}))
"""


class Outbox(Transport):
    """Keeps what would be sent."""

    def __init__(self, options: dict[str, Any] | None = None) -> None:
        super().__init__(options)
        self.items: list[tuple[str | None, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            self.items.append((item.type, json.loads(item.get_bytes())))

    def sent(self, kind: str) -> list[Any]:
        sentry_sdk.flush()
        return [content for type_, content in self.items if type_ == kind]


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    outbox = Outbox()
    with sentry_sdk.isolation_scope():
        sentry.start(DSN, "test", 1.0, transport=outbox)
        yield outbox
        sentry_sdk.get_client().close()
        sentry_sdk.init()


def options(**variables: str) -> dict[str, Any]:
    """Return the SDK's options in a process of its own, empty if it hasn't imported the SDK."""
    done = subprocess.run(  # noqa: S603 — our own words
        [sys.executable, "-c", PROBE],
        env=os.environ | REQUIRED | variables,
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


def perform(name: str, failing: Exception | None = None) -> None:
    """Have a worker do one job with an argument."""

    def handle(title: str) -> None:
        del title
        if failing:
            raise failing

    worker = Worker(None, {"paint": handle}, Path())
    worker.perform({"name": name, "arguments": {"title": SECRET}})


def test_without_a_dsn_the_sdk_is_not_even_imported() -> None:
    assert options(SENTRY_DSN="") == {}


def test_with_a_dsn_reports_for_the_release_and_the_environment_of_the_deploy() -> None:
    given = options(
        SENTRY_DSN=DSN, SENTRY_RELEASE="atlas-investor@0123", SENTRY_ENVIRONMENT="staging"
    )

    assert given == {
        "dsn": DSN,
        "release": "atlas-investor@0123",
        "environment": "staging",
        "enable_logs": True,
    }


def test_development_is_never_taken_for_production() -> None:
    assert options(SENTRY_DSN=DSN)["environment"] == "development"


@pytest.mark.parametrize(
    ("path", "of_the_page", "rate"),
    [
        ("/api/version", None, 0.25),
        ("/api/version", True, 1),
        ("/api/version", False, 0),
        ("/health/", None, 0),
        ("/health/", True, 0),
    ],
)
def test_traces_what_the_page_traces_and_a_share_of_the_rest_but_no_health_check(
    path: str,
    of_the_page: bool | None,  # noqa: FBT001
    rate: float,
) -> None:
    sample = sentry.sampler(0.25)

    assert sample({"wsgi_environ": {"PATH_INFO": path}, "parent_sampled": of_the_page}) == rate


def test_what_is_no_request_is_traced_like_one() -> None:
    assert sentry.sampler(0.25)({"parent_sampled": None}) == 0.25


def test_a_failed_job_is_reported_with_its_kind_and_without_its_data(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        perform("paint")
        perform("paint", failing=ValueError("no brush"))

    (event,) = outbox.sent("event")
    assert event["tags"] == {"job": "paint"}
    assert event["exception"]["values"][0]["value"] == "no brush"
    assert [crumb["message"] for crumb in event["breadcrumbs"]["values"]] == ["job done"]
    assert SECRET not in json.dumps(event)


def test_logs_carry_a_job_s_kind_and_not_its_data(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        perform("paint")
        perform("sculpt")

    (batch,) = outbox.sent("log")
    kinds = {log["body"]: log["attributes"]["job"]["value"] for log in batch["items"]}
    assert kinds == {"job done": "paint", "no handler for job": "sculpt"}
    assert SECRET not in json.dumps(batch)


def test_the_access_log_with_its_addresses_stays_here(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("gunicorn.access").info(
            "request", extra={"data": {"client": "192.0.2.1"}}
        )

    assert outbox.sent("log") == []


def test_redis_leaves_no_breadcrumbs() -> None:
    assert (
        sentry.breadcrumb_without_data({"category": "redis", "message": "GET 'Lisboa'"}, {}) is None
    )
    query = {"category": "query", "message": "SELECT 1"}
    assert sentry.breadcrumb_without_data(query, {}) == query
