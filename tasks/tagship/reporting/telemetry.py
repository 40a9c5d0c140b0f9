"""Reports Tagship's own runs to Sentry if TAGSHIP_SENTRY_DSN is set: crashes, traces with a span a step, check-ins."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from tagship.errors import StoppedError
from tagship.reporting import events, redaction
from tagship.version import VERSION

if TYPE_CHECKING:
    from sentry_sdk.tracing import Span
    from sentry_sdk.types import Event, Hint

DSN = "TAGSHIP_SENTRY_DSN"
FLUSH_WITHIN = 5.0
"""Seconds that a task waits at its end for unsent events."""
_KEPT = frozenset({
    "event_id", "type", "timestamp", "start_timestamp", "level", "platform", "sdk", "release", "environment",
    "transaction", "transaction_info", "exception", "spans", "contexts", "tags",
    "check_in_id", "monitor_slug", "monitor_config", "status", "duration",
})  # fmt: skip
"""The parts of an event that are sent; the machine's name, arguments, packages, breadcrumbs and the like are not."""
_CONTEXTS = frozenset({"trace", "runtime"})
_FRAME = frozenset({"filename", "function", "module", "lineno", "in_app"})
"""The parts of a stack frame that are sent: no variables, no source, no path of this machine."""
_NAMES = frozenset({
    "check_in_id", "event_id", "monitor_config", "monitor_slug", "parent_span_id", "span_id", "status", "trace_id",
    "type",
})  # fmt: skip
"""Identifiers, which are never hidden because they never contain secrets."""

_on = False


@contextmanager
def reported(task: str) -> Iterator[None]:
    """Report a task as a transaction, and its crash if that is our bug. A user's error isn't one."""
    if not _start():
        yield
        return
    import sentry_sdk  # noqa: PLC0415 - only imported if telemetry is on

    raised: BaseException | None = None
    with sentry_sdk.start_transaction(op="task", name=task) as transaction, _spans(transaction):
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - raised again below; if it left this block, Sentry would count it as a crash
            raised = error
        status = _status(raised)
        if status == "internal_error":
            sentry_sdk.capture_exception(raised)
        transaction.set_status(status)
    sentry_sdk.flush(FLUSH_WITHIN)
    if raised:
        raise raised


def _status(raised: BaseException | None) -> str:
    """How a task ended, in OpenTelemetry's words; only `internal_error` is our bug."""
    match raised:
        case None:
            return "ok"
        case StoppedError() | KeyboardInterrupt():
            return "cancelled"
        case Exit() | SystemExit():
            return "failed_precondition"
    return "internal_error"


@contextmanager
def checked_in(slug: str, schedule: str) -> Iterator[None]:
    """Report the start and the result of a scheduled run to the Sentry monitor of that name.

    `schedule`: five cron fields, in UTC. Sentry creates or updates the monitor with it. Does nothing if telemetry is
    off, or without a schedule: then the run isn't a scheduled one.
    """
    if not schedule:
        yield
        return
    if not _on:
        why = "can't be used" if os.environ.get(DSN) else "is not set"
        sys.stderr.write(f"  no check-in for {slug}: {DSN} {why}\n")
        yield
        return
    from sentry_sdk.crons import monitor  # noqa: PLC0415 - only imported if telemetry is on

    expected = {"schedule": {"type": "crontab", "value": schedule}, "timezone": "UTC", "checkin_margin": 30}
    with monitor(monitor_slug=slug, monitor_config=expected):  # type: ignore[arg-type]
        yield


def scrub(event: "Event", _: "Hint") -> "Event":
    """Keep only the parts of an event that may be sent, and hide secrets in them."""
    kept: dict[str, Any] = {key: value for key, value in event.items() if key in _KEPT}
    if "contexts" in kept:
        kept["contexts"] = {key: value for key, value in kept["contexts"].items() if key in _CONTEXTS}
    for raised in (kept.get("exception") or {}).get("values") or ():
        frames = (raised.get("stacktrace") or {}).get("frames") or ()
        raised["stacktrace"] = {"frames": [{k: v for k, v in frame.items() if k in _FRAME} for frame in frames]}
        raised.pop("mechanism", None)
    for span in kept.get("spans") or ():
        span.pop("data", None)
    hidden: Any = redaction.hide_all(kept, _NAMES)
    return hidden  # type: ignore[no-any-return]


def _start() -> bool:
    """Set the SDK up, once. Returns whether telemetry is on."""
    global _on  # noqa: PLW0603 - a process has one Sentry client
    if _on or not os.environ.get(DSN):
        return _on
    try:
        import sentry_sdk  # noqa: PLC0415 - takes 0.2 s; only imported if telemetry is on
    except ImportError:
        sys.stderr.write(f"{DSN} is set, and sentry-sdk is not installed: pip install 'tagship[sentry]'\n")
        return False
    try:
        _init(sentry_sdk)
    except Exception as error:  # noqa: BLE001 - telemetry must never break a task
        sys.stderr.write(f"{DSN} can't be used ({type(error).__name__}): this run is not reported\n")
        return False
    _on = True
    return True


def _init(sentry_sdk: Any) -> None:  # noqa: ANN401 - a module
    sentry_sdk.init(
        dsn=os.environ[DSN],
        release=f"tagship@{VERSION}",
        environment="ci" if "CI" in os.environ else "local",
        traces_sample_rate=1.0,
        default_integrations=False,  # these record arguments, logs, and programs with theirs
        auto_enabling_integrations=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        send_default_pii=False,
        server_name="",
        before_send=scrub,
        before_send_transaction=scrub,
    )


@contextmanager
def _spans(transaction: "Span") -> Iterator[None]:
    """Add a span for each step that runs meanwhile."""
    open_spans: list[Span] = []

    def hear(kind: str, facts: Mapping[str, object]) -> None:
        if kind == "begin":
            open_spans.append(transaction.start_child(op="step", name=str(facts["step"])))
        elif kind == "end" and open_spans:
            span = open_spans.pop()
            span.set_status("ok" if facts["ok"] else "internal_error")
            span.finish()

    events.listen(hear)
    try:
        yield
    finally:
        events.forget(hear)
