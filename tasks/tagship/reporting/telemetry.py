"""Tagship's own runs in Sentry, while TAGSHIP_SENTRY_DSN is set: crashes, a trace with a span a step, check-ins."""

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
"""Seconds that a task's end waits for what isn't sent yet."""
_KEPT = frozenset({
    "event_id", "type", "timestamp", "start_timestamp", "level", "platform", "sdk", "release", "environment",
    "transaction", "transaction_info", "exception", "spans", "contexts", "tags",
    "check_in_id", "monitor_slug", "monitor_config", "status", "duration",
})  # fmt: skip
"""Parts of an event that are sent; the machine's name, arguments, packages, breadcrumbs and the like are not."""
_CONTEXTS = frozenset({"trace", "runtime"})
_FRAME = frozenset({"filename", "function", "module", "lineno", "in_app"})
"""Parts of a stack frame: no variables, no source, no path of this machine."""
_NAMES = frozenset({
    "check_in_id", "event_id", "monitor_config", "monitor_slug", "parent_span_id", "span_id", "status", "trace_id",
    "type",
})  # fmt: skip
"""What things are told apart by: never hidden, and never made of a secret."""

_on = False


@contextmanager
def reported(task: str) -> Iterator[None]:
    """Around a task: a transaction, and its crash if it is our bug. A person's error is none."""
    if not _start():
        yield
        return
    import sentry_sdk  # noqa: PLC0415 - only where it is on

    raised: BaseException | None = None
    with sentry_sdk.start_transaction(op="task", name=task) as transaction, _spans(transaction):
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - raised again below: passing here, it would count as a crash
            raised = error
        status = _status(raised)
        if status == "internal_error":
            sentry_sdk.capture_exception(raised)
        transaction.set_status(status)
    sentry_sdk.flush(FLUSH_WITHIN)
    if raised:
        raise raised


def _status(raised: BaseException | None) -> str:
    """How a task ended, as OpenTelemetry names it; only `internal_error` is our bug."""
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
    """Around a scheduled run: Sentry's monitor of that name hears that it began, and how it ended.

    `schedule`: five cron fields, in UTC; the monitor is made, or changed, to expect runs by it. Nothing when off.
    """
    if not _on:
        why = "can't be used" if os.environ.get(DSN) else "is not set"
        sys.stderr.write(f"  no check-in of {slug}: {DSN} {why}\n")
        yield
        return
    from sentry_sdk.crons import monitor  # noqa: PLC0415 - only where it is on

    expected = {"schedule": {"type": "crontab", "value": schedule}, "timezone": "UTC", "checkin_margin": 30}
    with monitor(monitor_slug=slug, monitor_config=expected):  # type: ignore[arg-type]
        yield


def scrub(event: "Event", _: "Hint") -> "Event":
    """An event with only what is meant to be sent, and no secret in that."""
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
    """Whether it is on; the SDK is set up once."""
    global _on  # noqa: PLW0603 - a process has one Sentry client
    if _on or not os.environ.get(DSN):
        return _on
    try:
        import sentry_sdk  # noqa: PLC0415 - 0.2 s, only where it is on
    except ImportError:
        sys.stderr.write(f"{DSN} is set, and sentry-sdk is not installed: pip install 'tagship[sentry]'\n")
        return False
    try:
        _init(sentry_sdk)
    except Exception as error:  # noqa: BLE001 - reporting never stands in a task's way
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
        default_integrations=False,  # they record arguments, logs, and programs with theirs
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
    """A span for each step that is reported meanwhile."""
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
