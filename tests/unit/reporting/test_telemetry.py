"""Tagship's own runs in Sentry: nothing when off, crashes and steps when on, and no secret in any of it."""

import gzip
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.reporting import redaction, telemetry
from tests.fakes.servers import Answer, Server, on_port

CANARIES = {
    "SHOP_PASSWORD": "canary-password-1",
    "SENTRY_AUTH_TOKEN": "canary-token-2",
    "MAPBOX": "canary-of-a-name-that-says-nothing-3",
    "PIN": "c4n4",
}
RESOLVED = "canary-resolved-5\ncanary-of-a-second-line-6"
NEVER = [*(value for name, value in CANARIES.items() if name != "PIN"), *RESOLVED.splitlines(), "canary-local-7",
         "canary-argument-8", "canary-breadcrumb-9", "canary-user-info-10"]  # fmt: skip
_SCRIPT = """
import logging, sys
from invoke.context import Context
from tagship.reporting import events, redaction, telemetry
from tagship.commands.task import task
from tagship.errors import CheckError, StoppedError

redaction.conceal([{resolved!r}])

@task(help={{}})
def work(_):
    "A task."
    local = "canary-local-7"
    logging.getLogger("x").error("canary-breadcrumb-9")
    with telemetry.checked_in("shop-smoke-test-staging", "17 */6 * * *"):
        events.tell("begin", step="Connect with " + {resolved!r})
        events.tell("end", step="Connect", ok=True, seconds=1)
        {body}

work(Context())
"""


@pytest.fixture
def sentry() -> Iterator[Server]:
    """What takes envelopes."""
    with on_port({"POST /api/7/envelope/": Answer(body={})}) as server:
        yield server


def run(sentry: Server | None, body: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """A task in a process of its own, as the console command runs one."""
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(resolved=RESOLVED, body=textwrap.indent(body, " " * 8).strip()))
    environment = {**CANARIES, "PATH": "/usr/bin:/bin"}
    if sentry:
        environment["TAGSHIP_SENTRY_DSN"] = f"http://0123456789abcdef@127.0.0.1:{sentry.port}/7"
    argv = [sys.executable, str(script), "--password=canary-argument-8"]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)


def items(sentry: Server) -> list[dict[str, Any]]:
    """Every item of every envelope: its type and payload."""
    found = []
    for request in sentry.requests:
        gzipped = request.headers.get("Content-Encoding") == "gzip"
        lines = (gzip.decompress(request.body) if gzipped else request.body).split(b"\n")
        for head, payload in zip(lines[1::2], lines[2::2], strict=False):
            found.append({"type": json.loads(head)["type"], **json.loads(payload)})
    return found


def of(sentry: Server, kind: str) -> list[dict[str, Any]]:
    return [item for item in items(sentry) if item["type"] == kind]


def test_a_crash_is_reported_with_its_traceback_and_without_any_secret(sentry: Server, tmp_path: Path) -> None:
    leaks = " ".join((*CANARIES.values(), RESOLVED, "https://me:canary-user-info-10@example.com"))
    done = run(sentry, f"raise RuntimeError({leaks!r})", tmp_path)

    assert "RuntimeError" in done.stderr, "a bug of ours keeps its traceback"
    (event,) = of(sentry, "event")
    (raised,) = event["exception"]["values"]
    assert raised["type"] == "RuntimeError"
    assert raised["stacktrace"]["frames"][-1]["function"] == "work"
    sent = json.dumps(items(sentry))
    assert [canary for canary in NEVER if canary in sent] == []
    assert str(tmp_path) not in sent


def test_a_run_is_a_trace_with_a_span_for_each_step_and_no_secret(sentry: Server, tmp_path: Path) -> None:
    run(sentry, "", tmp_path)

    (transaction,) = of(sentry, "transaction")
    assert transaction["transaction"] == "__main__.work"
    assert transaction["contexts"]["trace"]["status"] == "ok"
    assert [(span["op"], span["description"]) for span in transaction["spans"]] == [
        ("step", f"Connect with {redaction.HIDDEN}")
    ]
    sent = json.dumps(items(sentry))
    assert [canary for canary in NEVER if canary in sent] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("raise CheckError('no disk')", "failed_precondition"),
        ("raise StoppedError('Stopped by SIGINT.')", "cancelled"),
    ],
)
def test_a_persons_error_is_no_crash(sentry: Server, tmp_path: Path, body: str, status: str) -> None:
    run(sentry, body, tmp_path)

    assert of(sentry, "event") == []
    assert of(sentry, "transaction")[0]["contexts"]["trace"]["status"] == status


@pytest.mark.parametrize(("body", "status"), [("", "ok"), ("raise CheckError('no')", "error")])
def test_a_scheduled_run_checks_in_and_says_how_it_ended(
    sentry: Server, tmp_path: Path, body: str, status: str
) -> None:
    run(sentry, body, tmp_path)

    begun, ended = of(sentry, "check_in")
    assert (begun["status"], ended["status"]) == ("in_progress", status)
    assert begun["monitor_slug"] == "shop-smoke-test-staging"
    assert begun["monitor_config"]["schedule"] == {"type": "crontab", "value": "17 */6 * * *"}


def test_without_a_dsn_nothing_is_sent_and_the_sdk_is_not_even_imported(tmp_path: Path) -> None:
    done = run(None, "print('sentry_sdk' in sys.modules)", tmp_path)

    assert done.stdout == "False\n"
    assert done.stderr.count("no check-in for shop-smoke-test-staging: TAGSHIP_SENTRY_DSN is not set") == 1


def test_a_sentry_that_is_away_changes_nothing_for_the_task(tmp_path: Path) -> None:
    with on_port() as server:
        server.answers = {"POST /api/7/envelope/": Answer(500)}
        done = run(server, "print('worked')", tmp_path)

    assert (done.returncode, done.stdout) == (0, "worked\n")


def test_a_dsn_that_is_none_is_said_and_changes_nothing_for_the_task(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(resolved=RESOLVED, body="print('worked')"))
    environment = {"PATH": "/usr/bin:/bin", "TAGSHIP_SENTRY_DSN": "https://canary-token-2"}

    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "worked\n")
    assert "TAGSHIP_SENTRY_DSN can't be used (BadDsn): this run is not reported" in done.stderr
    assert "canary-token-2" not in done.stderr


def test_what_a_monitor_is_known_by_is_not_hidden_by_an_ordinary_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_ENV", "production")
    event: Any = {"type": "check_in", "monitor_slug": "shop-smoke-test-production", "transaction": "to production"}

    assert telemetry.scrub(event, {}) == {**event, "transaction": f"to {redaction.HIDDEN}"}


def test_each_line_of_a_variable_is_hidden_and_what_repr_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_KEY", "first-line\nsecond-line")
    said: Any = {"transaction": f"second-line {'first-line' + chr(10) + 'second-line'!r}"}

    hidden: Any = telemetry.scrub(said, {})

    assert "line" not in hidden["transaction"]


def test_short_words_are_hidden_only_where_a_name_says_that_they_are_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANCH", "main")
    monkeypatch.setenv("ADMIN_PASS", "pa55")

    hidden: Any = telemetry.scrub({"transaction": "deploy main with pa55"}, {})

    assert hidden == {"transaction": f"deploy main with {redaction.HIDDEN}"}


def test_parts_that_are_not_meant_to_be_sent_are_left_out() -> None:
    event: Any = {
        "server_name": "laptop", "modules": {"x": "1"}, "extra": {"sys.argv": ["x"]}, "breadcrumbs": {"values": [1]},
        "request": {"url": "x"}, "user": {"id": 1}, "contexts": {"runtime": {"name": "CPython"}, "state": {"a": 1}},
        "exception": {"values": [{
            "type": "E", "value": "v", "mechanism": {"data": 1},
            "stacktrace": {"frames": [{"function": "f", "vars": {"a": 1}, "abs_path": "/home/x", "context_line": "y"}]},
        }]},
    }  # fmt: skip

    assert telemetry.scrub(event, {}) == {
        "contexts": {"runtime": {"name": "CPython"}},
        "exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]},
    }
