"""The process's two doors: Sentry on the bridge, and for itself what stands in for Snuba."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    import socket
    from wsgiref.types import WSGIApplication

THREADS = 16


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """Serves an application to a few clients at a time; the others wait."""

    request_queue_size = 64

    def __init__(self, address: str, port: int, application: WSGIApplication) -> None:
        self._threads = ThreadPoolExecutor(THREADS)
        super().__init__((address, port), Handler)
        self.set_app(application)

    def server_bind(self) -> None:
        """Bind without asking a name server for this address's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Leave it to the next free thread."""
        self._threads.submit(self.process_request_thread, request, client_address)

    def start(self) -> None:
        """Serve from now on."""
        threading.Thread(target=self.serve_forever).start()


class Handler(WSGIRequestHandler):
    """Ends a connection that says nothing: browsers open some in advance, and each holds a thread."""

    timeout = 15
