"""What the application answers: in pieces, as events, on a WebSocket; its data; a migration for each configuration."""

from pathlib import Path

import pyrage

from tests.hello import Hello

_SERVER = '''import base64, hashlib, http.server, os, signal, threading, time

GREETING = "hello"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ws":
            return self.converse()
        if self.path in ("/pieces", "/events"):
            return self.write_slowly()
        if self.path == "/slow":
            time.sleep(2)
        body = f"{GREETING} {os.environ['RELEASE_SHA']} {os.environ.get('COLOR', '')}\\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        left = int(self.headers.get("Content-Length", 0))
        while left and (got := self.rfile.read(min(left, 1 << 16))):
            left -= len(got)
        self.do_GET()

    def write_slowly(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if self.path == "/events" else "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(8):
            piece = f"data: {number}\\n\\n".encode()
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
            time.sleep(0.25)
        self.wfile.write(b"0\\r\\n\\r\\n")

    def converse(self):
        """Echo small frames until the client closes."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while head := self.rfile.read(2):
            mask, data = self.rfile.read(4), self.rfile.read(head[1] & 127)
            plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
            self.wfile.write(bytes((head[0], len(plain))) + plain)
            if head[0] & 15 == 8:
                return

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("", 8000), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
server.server_close()
'''
_APPLIED = "/state/applied"


def furnish(app: Hello) -> None:
    """Give the application its server, and a migration that each new value of COLOR brings."""
    (app.folder / "server.py").write_text(_SERVER)
    app.settings["secrets"] = "env://"
    app.compose["services"]["web"]["volumes"] = ["state:/state"]
    app.compose["volumes"] = {"state": {}}
    app.settings["release"] = {
        "migrations": {
            "service": "web",
            "pending": f"""sh -c 'grep -qx "$COLOR" {_APPLIED} 2>/dev/null || echo grow'""",
            "apply": f"""sh -c 'echo "$COLOR" >> {_APPLIED}'""",
            "compatible": ["grow"],
        }
    }


def secure(app: Hello, environment: str, address: str) -> None:
    """Serve it by HTTPS, with a certificate that nobody trusts: the smoke test doesn't verify it."""
    url = f"https://{app.name}.example"
    app.settings["environments"][environment]["url"] = url
    app.settings["edge"] |= {"http": 80, "https": 443, "tls": "internal"}
    ask = f'curl -sk --fail --max-time 10 --connect-to ::{address}: --header "$SMOKE_HEADER" {url} | grep -q hello'
    app.settings["smoke"] = [{"run": f"sh -c '{ask}'"}]


def keep(app: Hello, store: Path) -> None:
    """Give it a database, and backups of that and of its volume."""
    key = pyrage.x25519.Identity.generate()
    app.environment |= {"TAGSHIP_IDENTITY": str(key), "POSTGRES_PASSWORD": "not-guessed-by-anybody"}
    app.compose["services"]["db"] = {
        "image": app.rig.image("postgis"),
        "environment": {"POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?}"},
        "volumes": ["data:/var/lib/postgresql/data"],
        "healthcheck": {"test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1"], "interval": "1s"},
    }
    app.compose["volumes"]["data"] = {}
    app.settings["release"] |= {"services": ["web"], "accessories": ["db"]}
    app.settings["backups"] = {
        "store": f"file://{store}",
        "recipients": [str(key.to_public())],
        "volumes": ["state"],
    }
