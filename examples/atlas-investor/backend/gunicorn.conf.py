"""How gunicorn serves: threads, keep-alive and a drain that fit a reverse proxy; logs as JSON."""

import logging
import os
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))

# Loaded once and forked: a faster boot, shared memory, and a broken release fails at once.
preload_app = True

# Longer than a proxy keeps an idle connection (Caddy: 2 min), so that it is never this end that
# closes one just as a request comes in on it.
keepalive = 150

# SIGTERM: take no more connections, finish what is in flight.
graceful_timeout = 30
timeout = 30

worker_tmp_dir = "/dev/shm"  # noqa: S108 — heartbeats shall not wait for a disk
control_socket_disable = True
forwarded_allow_ips = "*"  # only the edge reaches this port

logconfig_dict = {
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
    "root": {"handlers": ["stdout"], "level": "INFO"},
    "loggers": {
        name: {"handlers": ["stdout"], "level": "INFO", "propagate": False}
        for name in ("gunicorn.error", "gunicorn.access")
    },
}
accesslog = "-"


class logger_class(Logger):  # noqa: N801 — gunicorn's setting
    """Writes the access log as data: a client could break out of a format string."""

    def access(
        self,
        resp: Any,
        req: Any,  # noqa: ARG002 — gunicorn's signature
        environ: dict[str, Any],
        request_time: timedelta,
    ) -> None:
        """Log one request; healthy healthchecks would only drown the others."""
        status = int(resp.status.split(None, 1)[0])
        if environ["PATH_INFO"] == "/health/" and status == 200:  # noqa: PLR2004
            return
        data = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "status": status,
            "bytes": resp.sent,
            "seconds": round(request_time.total_seconds(), 4),
            "client": environ.get("HTTP_X_FORWARDED_FOR") or environ.get("REMOTE_ADDR"),
            "request_id": environ.get("HTTP_X_REQUEST_ID"),
        }
        logging.getLogger("gunicorn.access").info("request", extra={"data": data})
