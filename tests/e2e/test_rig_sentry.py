"""The rig's Sentry, as far as other tests rely on it: uploads, errors in their own source, counts, check-ins."""

import gzip
import json
import shutil
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.rig import MissingError, Rig, Sentry

SOURCE = """\
export function totalOf(order) {
  return order.total.cents;
}

export function pay() {
  totalOf({});
}

pay();
"""
# What a bundler makes of that, and the map that leads back.
BUNDLE = "function a(b){return b.total.cents}function c(){a({})}c();\n//# sourceMappingURL=shop.js.map\n"
SOURCE_MAP = {
    "version": 3,
    "file": "shop.js",
    "sources": ["../src/checkout.js"],
    "sourcesContent": [SOURCE],
    "names": ["totalOf", "order", "pay"],
    "mappings": "AAAO,SAASA,EAAQC,GACtB,OAAOA,EAAM,MAAM,MAGd,SAASC,IACdF,MAGFE",
}
PAGE = "https://shop.example.com"


class Sdk(NamedTuple):
    """Sends as the SDK in a page does: no header that would need a preflight, the key in the address."""

    dsn: str

    @property
    def url(self) -> str:
        """Where envelopes go."""
        parts = urlsplit(self.dsn)
        return f"http://{parts.hostname}:{parts.port}/api{parts.path}/envelope/?sentry_key={parts.username}"

    def send(self, kind: str, payload: dict[str, Any]) -> None:
        """Send one item."""
        lines = ({"event_id": payload.get("event_id")}, {"type": kind}, payload)
        body = gzip.compress("\n".join(map(json.dumps, lines)).encode())
        headers = {"Origin": PAGE, "Content-Type": "text/plain;charset=UTF-8", "Content-Encoding": "gzip"}
        with self._open("POST", headers, body) as reply:
            assert reply.headers["Access-Control-Allow-Origin"] == "*"

    def preflight(self) -> dict[str, str]:
        """Ask as a browser does before it sends from another origin."""
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "sentry-trace,x-sentry-auth",
        }
        with self._open("OPTIONS", {"Origin": PAGE, **asked}) as reply:
            return dict(reply.headers)

    def _open(self, method: str, headers: dict[str, str], body: bytes | None = None) -> Any:  # noqa: ANN401 - untyped there
        request = urllib.request.Request(self.url, data=body, headers=headers, method=method)  # noqa: S310 - http
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30)


class Shop(NamedTuple):
    """A project of a test's own, with a release of it."""

    sentry: Sentry
    sdk: Sdk
    project: str
    release: str

    def error(self, bundle: str = "", debug_id: str = "") -> dict[str, Any]:
        """An error that a page with that bundle had, and has sent."""
        places = [("?", "c()", -1), ("c", "a({", 0), ("a", "cents", 0)]
        frames = [_frame(bundle or BUNDLE, *place) for place in places]
        payload = {
            "event_id": uuid.uuid4().hex,
            "platform": "javascript",
            "timestamp": time.time(),
            "release": self.release,
            "environment": "production",
            "exception": {"values": [{"type": "TypeError", "value": "no cents", "stacktrace": {"frames": frames}}]},
            "debug_meta": {"images": [{"type": "sourcemap", "code_file": f"{PAGE}/shop.js", "debug_id": debug_id}]},
        }
        self.sdk.send("event", payload)
        return payload


@pytest.fixture
def shop(rig: Rig) -> Shop:
    try:
        sentry = rig.sentry
    except MissingError as missing:
        pytest.skip(str(missing))
    name = f"shop-{uuid.uuid4().hex[:8]}"
    return Shop(sentry, Sdk(sentry.dsn(name)), name, f"{name}@1.0.0")


def test_a_pages_error_is_shown_in_its_own_source(rig: Rig, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "shop.js").write_text(BUNDLE)
    (tmp_path / "shop.js.map").write_text(json.dumps(SOURCE_MAP))
    cli(rig, shop, "releases", "new", shop.release)
    cli(rig, shop, "sourcemaps", "inject", str(tmp_path))
    cli(rig, shop, "sourcemaps", "upload", "--wait", "--release", shop.release, str(tmp_path))
    bundle = (tmp_path / "shop.js").read_text()

    shop.error(bundle, bundle.rpartition("debugId=")[2].strip())

    event = shop.sentry.events(shop.project)[-1]
    frames = event["exception"]["values"][0]["stacktrace"]["frames"]
    shown = [(frame["function"], frame["lineno"], frame["context_line"]) for frame in frames[1:]]
    assert shown == [("pay", 6, "  totalOf({});"), ("totalOf", 2, "  return order.total.cents;")]
    assert event["culprit"] == "totalOf(../src/checkout.js)"


def test_a_browser_may_send_from_another_origin(shop: Shop) -> None:
    allowed = shop.sdk.preflight()

    assert allowed["Access-Control-Allow-Origin"] == "*"
    assert "x-sentry-auth" in allowed["Access-Control-Allow-Headers"].split(", ")


def test_a_releases_errors_sessions_and_new_issues_are_counted(shop: Shop) -> None:
    organization, project = f"organizations/{shop.sentry.organization}", shop.sentry.project(shop.project)
    scope = {"project": project, "environment": "production", "statsPeriod": "1h"}
    attributes = {"release": shop.release, "environment": "production"}
    counts = {"started": time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime()), "exited": 7, "crashed": 1}
    shop.sdk.send("sessions", {"attrs": attributes, "aggregates": [counts]})
    shop.error()
    shop.error()

    def ask(path: str, query: str, **more: object) -> Any:  # noqa: ANN401 - JSON
        return shop.sentry.get(f"{organization}/{path}/", query=query, **scope, **more)

    errors = ask("events", f'release:"{shop.release}" event.type:error', field="count()")
    assert errors["data"] == [{"count()": 2}]
    assert [issue["count"] for issue in ask("issues", f'first-release:"{shop.release}"')] == ["2"]
    assert ask("issues", 'release:"another@1.0.0"') == []
    health = ask("sessions", f'release:"{shop.release}"', field="sum(session)", interval="1h")
    assert health["groups"][0]["totals"] == {"sum(session)": 8}


def test_a_check_in_makes_its_monitor(shop: Shop) -> None:
    schedule = {"schedule": {"type": "crontab", "value": "0 3 * * *"}}
    said = {"monitor_slug": shop.project, "status": "ok", "environment": "production", "monitor_config": schedule}
    shop.sdk.send("check_in", {**said, "check_in_id": uuid.uuid4().hex})

    monitors = {monitor["slug"]: monitor for monitor in shop.sentry.get("organizations/acme/monitors/")}
    assert monitors[shop.project]["environments"][0]["status"] == "ok"


def test_all_that_was_sent_can_be_read_again(shop: Shop) -> None:
    shop.sdk.send("transaction", {"event_id": uuid.uuid4().hex, "type": "transaction", "transaction": "/pay"})
    shop.error()

    assert [item.type for item in shop.sentry.received(shop.project)] == ["transaction", "event"]
    assert shop.sentry.received(shop.project, "transaction")[0].payload["transaction"] == "/pay"
    assert len(shop.sentry.events(shop.project)) == 1


def cli(rig: Rig, shop: Shop, *words: str) -> None:
    """Run sentry-cli on the laptop."""
    own = Path(sys.executable).with_name("sentry-cli")
    program = str(own) if own.exists() else shutil.which("sentry-cli")
    if not program:
        pytest.skip("sentry-cli is not installed")
    env = {
        "SENTRY_URL": shop.sentry.url,
        "SENTRY_AUTH_TOKEN": shop.sentry.token,
        "SENTRY_ORG": shop.sentry.organization,
        "SENTRY_PROJECT": shop.project,
    }
    done = rig.laptop.run([program, *words], env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _frame(bundle: str, function: str, code: str, which: int) -> dict[str, Any]:
    """Where some code of the bundle is, as a browser counts."""
    line, text = next((n, text) for n, text in enumerate(bundle.splitlines(), start=1) if "b.total" in text)
    column = text.rindex(code) if which else text.index(code)
    return {"filename": f"{PAGE}/shop.js", "function": function, "lineno": line, "colno": column + 1, "in_app": True}
