"""HTTP requests: proxies, redirects, and retries."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.system import web as client
from tagship.system.direct import connection
from tests.fakes.servers import Answer, Request, Server, endless, on_port, trickling

SECRET = {"Authorization": "Bearer t0ken"}


def ask(server: Server, method: str = "GET", path: str = "/x", body: str | None = None) -> client.Reply:
    """One request, signed."""
    return client.request(method, f"http://localhost:{server.port}{path}", SECRET, body, within=5)


def test_a_redirect_takes_no_credentials_to_another_host(web: Server) -> None:
    with on_port({"GET /there": Answer(body="there")}) as other:
        web.answers["GET /x"] = Answer(307, headers={"Location": f"http://127.0.0.1:{other.port}/there"})

        assert ask(web).body == b'"there"'

    assert "Authorization" not in other.requests[0].headers
    assert web.requests[0].headers["Authorization"] == "Bearer t0ken"


def test_a_redirect_on_the_same_host_takes_them_along(web: Server) -> None:
    web.answers |= {"GET /x": Answer(301, headers={"Location": "/there"}), "GET /there": Answer(body=1)}

    assert ask(web).body == b"1"
    assert web.requests[1].headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_follows_no_redirect(web: Server, method: str) -> None:
    web.answers[f"{method} /x"] = Answer(302, headers={"Location": "/there"})

    assert ask(web, method, body="{}").status == 302
    assert len(web.requests) == 1


def breaks_first(asked: list[str]) -> Callable[[Request], Answer]:
    """An answer that comes the second time; the first time the connection breaks."""

    def answer(request: Request) -> Answer:
        asked.append(request.method)
        if len(asked) == 1:
            raise ConnectionError
        return Answer(body=1)

    return answer


def test_what_is_only_read_is_asked_again_when_the_connection_breaks(web: Server) -> None:
    asked: list[str] = []
    web.answers["GET /x"] = breaks_first(asked)

    assert ask(web).status == 200
    assert asked == ["GET", "GET"]


def test_what_changes_something_is_said_once(web: Server) -> None:
    asked: list[str] = []
    web.answers["POST /x"] = breaks_first(asked)

    with pytest.raises(OSError, match="closed connection"):
        ask(web, "POST", body="{}")
    assert asked == ["POST"]


def test_a_failure_is_said_in_the_systems_words_without_the_address() -> None:
    with pytest.raises(ConnectionRefusedError) as caught:
        client.request("GET", "http://127.0.0.1:1/secret?token=x", {}, within=5)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", ["Bearer s3cret\n", "Bearer s3cret…", " s3cret", "s3cret\0"])
def test_a_header_that_cannot_be_sent_is_named_without_its_value(web: Server, value: str) -> None:
    with pytest.raises(OSError, match="header Authorization has invalid characters") as caught:
        client.request("GET", f"http://localhost:{web.port}/x", {"Authorization": value}, within=5)

    assert "s3cret" not in str(caught.value)
    assert web.requests == []


def test_an_answer_that_trickles_is_given_up(web: Server) -> None:
    web.answers["GET /x"] = Answer(headers={"Content-Length": "100000"}, hijack=endless)

    with pytest.raises(TimeoutError):
        client.request("GET", f"http://localhost:{web.port}/x", {}, within=0.1)


def test_the_head_of_an_answer_that_trickles_is_given_up_too() -> None:
    with trickling() as port, pytest.raises(TimeoutError):
        client.request("GET", f"http://localhost:{port}/x", {}, within=0.1, again=False)


def test_tries_after_a_broken_connection_get_only_the_time_that_is_left(web: Server) -> None:
    def late(_: Request) -> Answer:
        time.sleep(0.3)
        raise ConnectionError

    web.answers["GET /x"] = late

    with pytest.raises(TimeoutError):
        client.request("GET", f"http://localhost:{web.port}/x", {}, within=0.4)
    assert len(web.requests) <= 2


def test_netrc_does_not_take_the_tokens_place(web: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web.answers["GET /x"] = Answer(body=1)

    ask(web)

    assert web.requests[0].headers["Authorization"] == "Bearer t0ken"


def test_an_authority_that_is_named_is_the_only_one_that_is_trusted(
    secure: Callable[[int], Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = secure(1)
    server.answers["GET /x"] = Answer()
    ours, other = os.environ["SSL_CERT_FILE"], tmp_path / "other.pem"
    shutil.copy(ours, other)
    secure(2)  # another certificate, in the same file
    address = f"https://localhost:{server.port}/x"
    assert client.request("GET", address, {}, within=5, authority=str(other)).status == 200

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    with pytest.raises(OSError, match="certificate verify failed"):
        client.request("GET", address, {}, within=5, authority=ours)


@pytest.fixture
def proxy(web: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A proxy that the environment names."""
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{web.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    web.answers["GET /x"] = Answer(body="proxied")
    return web


def test_apis_are_asked_through_the_proxy_that_the_environment_names(proxy: Server) -> None:
    assert client.request("GET", "http://api.example/x", {}, within=5).body == b'"proxied"'
    assert proxy.requests[0].line == "http://api.example/x"


def test_no_proxy_comes_between_us_and_this_machine(proxy: Server) -> None:
    with on_port({"GET /x": Answer(body="direct")}) as direct:
        assert ask(direct).body == b'"direct"'
    assert proxy.requests == []


def test_names_below_localhost_are_this_machine_whatever_its_resolver_knows(proxy: Server) -> None:
    with on_port({"GET /x": Answer(body="here")}) as here:
        line = connection(f"http://shop.localhost:{here.port}", 5)
        line.request("GET", "/x")
        said = line.getresponse().read()
        line.close()

    assert said == b'"here"'
    assert here.requests[0].headers["Host"] == f"shop.localhost:{here.port}"
    assert proxy.requests == []


def test_a_smoke_test_goes_through_the_proxy_to_what_is_far_away(proxy: Server) -> None:
    line = connection("http://staging.example:8080", 5)
    line.request("GET", "/x")
    said = line.getresponse().read()
    line.close()

    assert said == b'"proxied"'
    (request,) = proxy.requests
    assert request.line == "http://staging.example:8080/x"
    assert request.headers["Host"] == "staging.example:8080"
    assert request.headers["Proxy-Authorization"] == "Basic bWU6c2VjcmV0"


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", ["SCHEME_proxy", "all_proxy", "ALL_PROXY"])
def test_a_smoke_test_uses_the_proxy_that_all_others_use(
    monkeypatch: pytest.MonkeyPatch, scheme: str, name: str
) -> None:
    monkeypatch.setenv(name.replace("SCHEME", scheme), "http://proxy.example")

    made = connection(f"{scheme}://staging.example/", 5)

    assert (made.host, made.port) == ("proxy.example", 80)


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize(
    "proxy", ["socks5h://me:s3cret@127.0.0.1:1080", "https://proxy.example:3129", "http://", "http://me:s3cret"]
)
def test_a_proxy_that_a_smoke_test_cannot_use_is_refused_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)

    with pytest.raises(ConfigError, match="https_proxy is no proxy that smoke tests can use") as caught:
        connection("https://staging.example/", 5)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_smoke_test_trusts_the_bundle_that_apis_are_trusted_by(
    secure: Callable[[int], Server], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server = secure(1)
    server.answers["GET /"] = Answer()
    bundle = os.environ["SSL_CERT_FILE"]
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv(name, bundle)

    line = connection(f"https://localhost:{server.port}/", 5)
    line.request("GET", "/")
    assert line.getresponse().status == 200
    line.close()

    monkeypatch.setenv(name, f"{bundle}.gone")
    with pytest.raises(OSError, match=r"no certificates can be read from .*\.gone: No such file"):
        connection(f"https://localhost:{server.port}/", 5)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.1.2.3", "192.168.0.1", "[::1]"])
@pytest.mark.usefixtures("proxy")
def test_a_smoke_test_goes_straight_to_what_is_near(host: str) -> None:
    assert connection(f"http://{host}/", 5).host == host.strip("[]")


@pytest.mark.usefixtures("proxy")
def test_a_smoke_test_goes_straight_where_no_proxy_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", ".example")

    assert connection("http://staging.example/", 5).host == "staging.example"


def test_a_smoke_test_by_https_has_the_proxy_open_a_tunnel(monkeypatch: pytest.MonkeyPatch, web: Server) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{web.port}")
    line = connection("https://staging.example/", 5)

    with pytest.raises(OSError, match="Tunnel connection failed: 404"):
        line.request("GET", "/")
    line.close()
    assert web.requests[0].line == "staging.example:443"


def test_the_time_limit_holds_over_all_redirects(web: Server) -> None:
    def slow(_: Request) -> Answer:
        time.sleep(0.06)
        return Answer(302, headers={"Location": "/again"})

    web.answers |= {"GET /": slow, "GET /again": slow}

    with pytest.raises(OSError, match=r"time|redirects") as caught:
        client.request("GET", f"http://localhost:{web.port}/", {}, within=0.1)

    assert isinstance(caught.value, TimeoutError)


def test_redirects_without_end_are_an_error(web: Server) -> None:
    web.answers["GET /"] = Answer(302, headers={"Location": "/"})

    with pytest.raises(OSError, match="redirects more than 5 times"):
        client.request("GET", f"http://localhost:{web.port}/", {}, within=10)


def test_an_answer_that_says_when_to_come_back_is_the_callers_to_read(web: Server) -> None:
    web.answers["GET /"] = Answer(429, headers={"Retry-After": "7"})

    reply = client.request("GET", f"http://localhost:{web.port}/", {}, within=10)

    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert len(web.requests) == 1
