"""What Sentry gets to know: imported only where there is a DSN."""

from collections.abc import Callable
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.logging import ignore_logger, ignore_logger_for_sentry_logs
from sentry_sdk.types import Event, Hint, Log

UNTRACED = "/health/"
ACCESS_LOG = "gunicorn.access"  # traces tell the same, without the clients' addresses
# Everything that isn't named is collected; locals hold what requests and jobs are about.
COLLECTED = {
    "user_info": False,
    "cookies": {"mode": "off"},
    "http_headers": {"request": {"mode": "allowlist", "terms": ["user-agent"]}},
    "http_bodies": [],
    "database_query_data": False,
    "queues": False,
    "stack_frame_variables": False,
}


def start(dsn: str, environment: str, traces_sample_rate: float, **others: Any) -> None:
    """Report errors, logs, sessions and this share of traces; takes the SDK's other options too.

    The release is SENTRY_RELEASE, which the SDK reads itself.
    """
    ignore_logger(ACCESS_LOG)
    ignore_logger_for_sentry_logs(ACCESS_LOG)
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        traces_sampler=sampler(traces_sample_rate),
        enable_logs=True,
        data_collection=COLLECTED,
        before_send=without_data,
        before_send_log=log_without_data,
        before_breadcrumb=breadcrumb_without_data,
        **others,
    )


def sampler(rate: float) -> Callable[[dict[str, Any]], float]:
    """Trace what the page traces, a share of everything else, and no health check."""

    def sample(context: dict[str, Any]) -> float:
        if context.get("wsgi_environ", {}).get("PATH_INFO") == UNTRACED:
            return 0.0
        parent = context["parent_sampled"]
        return rate if parent is None else float(parent)

    return sample


def without_data(event: Event, _: Hint) -> Event:
    """Leave our log lines' data here; a job's kind becomes a tag to search for."""
    extra = event.get("extra", {})
    extra.pop("data", None)
    if "job" in extra:
        event.setdefault("tags", {})["job"] = extra.pop("job")
    return event


def log_without_data(log: Log, _: Hint) -> Log:
    log["attributes"].pop("data", None)
    return log


def breadcrumb_without_data(breadcrumb: dict[str, Any], _: Hint) -> dict[str, Any] | None:
    """As above, and Redis's keys: they tell of searches, or that a worker is idle."""
    if breadcrumb.get("category") == "redis":
        return None
    breadcrumb.get("data", {}).pop("data", None)
    return breadcrumb
