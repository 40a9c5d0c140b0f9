import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(port, text):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("", port), Handler).serve_forever()
