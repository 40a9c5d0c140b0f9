import signal
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", 9000), SimpleHTTPRequestHandler).serve_forever()
