"""The worker's loop."""

import logging
from pathlib import Path
from typing import Any

import pytest

from properties import worker
from properties.worker import Worker


class Script:
    """Plays jobs and failures in order, then stops the worker."""

    def __init__(self, *steps: dict[str, Any] | Exception | None) -> None:
        self.steps = list(steps)
        self.worker: Worker | None = None

    def pop(self, _: float) -> dict[str, Any] | None:
        step = self.steps.pop(0)
        if not self.steps and self.worker:
            self.worker.stop()
        if isinstance(step, Exception):
            raise step
        return step


def run(script: Script, heartbeat: Path, done: list[str]) -> None:
    def greet(name: str) -> None:
        if name == "nobody":
            raise ValueError(name)
        done.append(name)

    script.worker = Worker(script, {"greet": greet}, heartbeat)
    script.worker.run()


def job(name: str, /, **arguments: str) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def test_does_jobs_in_order_and_finishes_the_last_before_it_stops(tmp_path: Path) -> None:
    done: list[str] = []

    run(Script(job("greet", name="Ana"), None, job("greet", name="Rui")), tmp_path / "beat", done)

    assert done == ["Ana", "Rui"]
    assert (tmp_path / "beat").exists()


def test_a_failing_and_an_unknown_job_are_logged_and_the_next_one_is_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    run(
        Script(job("greet", name="nobody"), job("paint"), job("greet", name="Rui")),
        tmp_path / "beat",
        done,
    )

    assert done == ["Rui"]
    problems = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert problems == ["job failed", "no handler for job"]


def test_has_no_heartbeat_while_the_queue_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WAIT_SECONDS", 0)

    run(Script(ConnectionError("refused"), ConnectionError("refused")), tmp_path / "beat", [])

    assert not (tmp_path / "beat").exists()
