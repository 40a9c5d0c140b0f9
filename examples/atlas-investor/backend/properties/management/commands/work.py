"""`manage.py work`: the worker."""

import logging
import os
import signal
import tempfile
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils.autoreload import run_with_reloader

from properties import jobs
from properties.worker import Worker

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Takes jobs from Redis until SIGTERM."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer what development needs."""
        parser.add_argument("--reload", action="store_true", help="Start again when code changes.")

    def handle(self, *_: object, reload: bool, **__: object) -> None:
        """Work, under Django's reloader if asked to."""
        heartbeat = os.environ.get("WORKER_HEARTBEAT", f"{tempfile.gettempdir()}/worker-heartbeat")
        worker = Worker(FreshConnections(), jobs.HANDLERS, Path(heartbeat))
        if reload:
            run_with_reloader(worker.run)
            return
        signal.signal(signal.SIGTERM, worker.stop)
        signal.signal(signal.SIGINT, worker.stop)
        logger.info("worker started")
        worker.run()
        logger.info("worker stopped")


class FreshConnections:
    """The queue, with stale database connections dropped before each job as before a request."""

    def pop(self, seconds: float) -> dict | None:
        """Wait for the next job."""
        job = jobs.queue().pop(seconds)
        if job:
            close_old_connections()
        return job
