"""A web application that says what it was asked, and by whom as far as it can tell."""

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPORT = Path("/reports/last")


class Handler(BaseHTTPRequestHandler):
    """Answers any path."""

    def do_GET(self) -> None:
        """Say what came."""
        seen = {
            "path": self.path,
            "for": self.headers.get("X-Forwarded-For", ""),
            "proto": self.headers.get("X-Forwarded-Proto", ""),
            "prefix": self.headers.get("X-Forwarded-Prefix", ""),
            "greeting": os.environ.get("GREETING", ""),
            "report": REPORT.read_text() if REPORT.exists() else "",
        }
        body = "".join(f"{name}={value}\n" for name, value in seen.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("", 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.1)
