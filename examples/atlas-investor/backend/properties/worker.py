"""The worker's loop: takes a job, does it, until it is told to stop."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

logger = logging.getLogger(__name__)

AT_START_SECONDS = 0.01  # one look, so that the first heartbeat comes at once
WAIT_SECONDS = 1.0  # also the longest that an idle worker takes to stop


class Jobs(Protocol):
    """Where jobs come from."""

    def pop(self, seconds: float) -> dict[str, Any] | None:
        """Wait for the next job."""


class Worker:
    """Touches its heartbeat each time it has reached the queue: a healthcheck looks at its age."""

    def __init__(
        self, jobs: Jobs, handlers: Mapping[str, Callable[..., None]], heartbeat: Path
    ) -> None:
        self._jobs = jobs
        self._handlers = handlers
        self._heartbeat = heartbeat
        self._stopping = False

    def stop(self, *_: object) -> None:
        """Finish the job in hand and no more; may be used as a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until stopped. A queue out of reach is tried again, a failed job is logged."""
        wait = AT_START_SECONDS
        while not self._stopping:
            try:
                job = self._jobs.pop(wait)
            except Exception as error:  # noqa: BLE001 — whatever it is, working on is the point
                logger.warning("can't reach the queue: %s", error)
                time.sleep(WAIT_SECONDS)
                continue
            wait = WAIT_SECONDS
            self._heartbeat.touch()
            if job:
                self.perform(job)

    def perform(self, job: dict[str, Any]) -> None:
        """Do one job. One of a kind this release doesn't know is another release's: say so."""
        handler = self._handlers.get(job["name"])
        if handler is None:
            logger.warning("no handler for job", extra=about(job))
            return
        started = time.monotonic()
        try:
            handler(**job["arguments"])
        except Exception:
            logger.exception("job failed", extra=about(job))
            return
        seconds = round(time.monotonic() - started, 3)
        logger.info("job done", extra=about(job, seconds=seconds))


def about(job: dict[str, Any], **figures: float) -> dict[str, Any]:
    """Describe a job: our log lines get `data`, all of it; Sentry the rest, its kind."""
    return {"data": {"job": job, **figures}, "job": job["name"]}
