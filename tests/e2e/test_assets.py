"""Pages that were loaded from one release find their assets while another is live."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.hello import Hello
from tests.rig import Rig

_SERVER = """import http.server, os

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send_error(self, code, message=None, explain=None):
        # as servers of single-page apps do it, but for scripts
        body = b"<h1>hello</h1>"
        self.send_response(404 if self.path.endswith(".js") else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

os.chdir("/www")
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
_DOCKERFILE = """ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}
COPY server.py /server.py
COPY www /www
RUN ln -s /etc/passwd /www/assets/link.js
CMD ["python3", "/server.py"]
"""
HASHES = ("one", "two")


@pytest.fixture(scope="module")
def app(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hello]:
    """A single-page app, as a bundler builds it: a commit's file names contain their hash."""
    app = Hello(rig, tmp_path_factory.mktemp("assets") / "app", "spa")
    (app.folder / "Dockerfile").write_text(_DOCKERFILE)
    (app.folder / "server.py").write_text(_SERVER)
    app.settings["assets"] = {"/assets/*": "web:/www/assets"}
    yield app
    app.remove()


def build(app: Hello, name: str) -> None:
    """Replace the bundle, and commit it."""
    www = app.folder / "www"
    for old in www.glob("assets/*"):
        old.unlink()
    (www / "assets").mkdir(parents=True, exist_ok=True)
    (www / "index.html").write_text(f"hello, I need /assets/{name}.js")
    for kind in ("js", "css"):
        (www / f"assets/{name}.{kind}").write_text(name)
    (www / "assets/same.js").write_text("the same")
    app.commit()


def get(app: Hello, path: str) -> tuple[int, str]:
    """The answer's status and body."""
    connection = http.client.HTTPConnection(urlsplit(app.settings["environments"]["host1"]["url"]).netloc, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_a_page_finds_its_assets_after_the_cutover_and_after_a_rollback(app: Hello) -> None:
    build(app, "one")
    first = app.ship("host1")["release"]
    build(app, "two")
    load = app.load("host1", [["/assets/one.js", None, keep] for keep in (True, False)] + [["/", None, True]])

    second = app.ship("host1")["release"]
    seen = load.stop()

    assert seen["failures"] == []
    assert seen["requests"] > 100
    for name in HASHES:
        assert get(app, f"/assets/{name}.js") == (200, name)
        assert get(app, f"/assets/{name}.css") == (200, name)  # the live one answers 200 with HTML
    assert get(app, "/assets/three.js")[0] == 404
    assert get(app, "/assets/three.css") == (200, "<h1>hello</h1>")
    app.tagship("rollback", "--env", "host1")
    for name in HASHES:
        assert get(app, f"/assets/{name}.js") == (200, name)
    stored = app.rig.hosts[0].docker(
        "exec", "tagship-edge", "sh", "-c", "cd /tagship/spa-host1/assets; stat -c '%n %h' */*/*"
    )
    wanted = [f"{first}/assets/one.css 1", f"{first}/assets/one.js 1", f"{first}/assets/same.js 2"]
    wanted += [f"{second}/assets/same.js 2", f"{second}/assets/two.css 1", f"{second}/assets/two.js 1"]
    assert sorted(stored.splitlines()) == sorted(wanted)  # no link, and what is the same is stored once
