"""The real scanners, with a server on this machine that answers as OSV and npm's registry do."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.audit.__main__ import ask_about_npm, ask_about_python

FLAW = {
    "id": "GHSA-a",
    "affected": [{
        "package": {"ecosystem": "PyPI", "name": "idna"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.7"}]}],
    }],
}  # fmt: skip
ADVISORY = {
    "id": 1, "url": "https://github.com/advisories/GHSA-b", "title": "slow", "severity": "high",
    "vulnerable_versions": "<2.0.0", "cwe": [], "cvss": {"score": 0, "vectorString": None},
}  # fmt: skip


class _Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        osv = self.path == "/v1/query"
        body = json.dumps({"vulns": [FLAW]} if osv else {"ms": [ADVISORY]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Answer npm, which asks for each version that it could propose, and else tries for a minute."""
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    """The address of the server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_pip_audit_says_what_the_service_knows_of_a_locked_package(service: str, tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"idna==3.6 --hash=sha256:{'0' * 64}\n")

    (found,) = ask_about_python(lock, "--vulnerability-service", "osv", "--osv-url", f"{service}/v1/query")

    assert str(found) == "requirements.txt: idna 3.6: GHSA-a; fixed in 3.7"


def test_npm_says_what_the_registry_knows_of_a_locked_package(service: str, tmp_path: Path) -> None:
    app = {"name": "app", "version": "1.0.0", "dependencies": {"ms": "1.0.0"}}
    packages = {"": app, "node_modules/ms": {"version": "1.0.0"}}
    (tmp_path / "package.json").write_text(json.dumps(app))
    lock = tmp_path / "package-lock.json"
    lock.write_text(json.dumps({"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": packages}))

    (found,) = ask_about_npm(lock, "--registry", service)

    assert (found.package, found.id) == ("ms", "GHSA-b")
