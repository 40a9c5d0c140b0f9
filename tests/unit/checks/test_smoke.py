"""Smoke tests: the few end-to-end requests that decide whether a release may live."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tagship.checks import smoke
from tagship.errors import SmokeTestError
from tagship.project.schema import SmokeCheck
from tagship.system import group
from tests.fakes.servers import Answer, Server, endless, trickling

RELEASE = "shop-staging-aaaaaaaa-c0ffee"


def check(**settings: Any) -> SmokeCheck:  # noqa: ANN401 - as tagship.yml says it
    """A check as tagship.yml says it."""
    return SmokeCheck.model_validate({"path": "/", **settings})


def url(server: Server, scheme: str = "http") -> str:
    """Where a server is."""
    return f"{scheme}://localhost:{server.port}"


def problem(server: Server, *checks: SmokeCheck, scheme: str = "http", **options: Any) -> str:  # noqa: ANN401 - of run
    """What is wrong, asked once; empty when nothing is."""
    try:
        smoke.run(checks, url(server, scheme), 0, **options)
    except SmokeTestError as error:
        return error.problem.partition("\n")[2]
    return ""


def test_an_app_that_answers_passes_and_is_asked_what_was_said(web: Server) -> None:
    web.answers["POST /health/"] = Answer(204)

    assert problem(web, check(path="/health/?deep=1", method="POST", status=204)) == ""

    (request,) = web.requests
    assert request.query == {"deep": "1"}
    assert request.headers["Host"] == f"localhost:{web.port}"
    assert request.headers["User-Agent"] == "tagship-smoke-test"


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(SmokeTestError, match=r"GET /: shop\.invalid has no address: "):
        smoke.run((), "http://shop.invalid", 0)


def test_without_checks_the_front_page_must_answer(web: Server) -> None:
    assert problem(web) == 'GET /: status 404, not 200: \'{"message": "no such thing."}\''

    web.answers["GET /"] = Answer()
    assert problem(web) == ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"status": 404}, "status 200, not 404: 'Atlas Investor {}'"),
        ({"contains": "Atlas Investor"}, ""),
        ({"contains": "atlas"}, "'atlas' is not in the body: 'Atlas Investor {}'"),
        ({"headers": {"X-Frame-Options": "DENY"}}, ""),
        ({"headers": {"x-frame-options": "SAMEORIGIN"}}, "header x-frame-options is 'DENY', not 'SAMEORIGIN'"),
        ({"headers": {"X-Other": "x"}}, "header X-Other is None, not 'x'"),
        ({"json": {"status": "healthy"}}, "the body is not JSON: 'Atlas Investor {}'"),
    ],
)
def test_an_answer_must_be_what_was_said(web: Server, settings: dict[str, Any], said: str) -> None:
    web.answers["GET /"] = Answer(body=b"Atlas Investor {}", headers={"X-Frame-Options": "DENY"})

    assert problem(web, check(**settings)) == (f"GET /: {said}" if said else "")


@pytest.mark.parametrize(
    ("path", "value", "passes"),
    [
        ("status", "healthy", True),
        ("checks.0.name", "db", True),
        ("checks.0.ok", True, True),
        ("checks.0.ok", 1, True),
        ("status", "ill", False),
        ("checks.1.name", None, True),
        ("checks.x", "db", False),
        ("status.0", "h", False),
        ("", "x", False),
    ],
)
def test_a_path_leads_into_json(web: Server, path: str, value: object, *, passes: bool) -> None:
    web.answers["GET /"] = Answer(body={"status": "healthy", "checks": [{"name": "db", "ok": True}]})

    assert (problem(web, check(json={path: value})) == "") is passes


def test_what_json_says_instead_is_shown(web: Server) -> None:
    web.answers["GET /"] = Answer(body={"status": "ill"})

    assert problem(web, check(json={"status": "healthy"})) == "GET /: JSON status is 'ill', not 'healthy'"
    assert problem(web, check(json={"other": "x"})) == "GET /: JSON other is None, not 'x'"


def test_a_long_body_is_not_shown_whole(web: Server) -> None:
    web.answers["GET /"] = Answer(500, b"x" * 10_000)

    assert len(problem(web, check())) < 250


def test_a_body_that_is_no_text_is_shown_all_the_same(web: Server) -> None:
    web.answers["GET /"] = Answer(500, b"\xff\xfe")

    assert problem(web, check()).startswith("GET /: status 500")


def test_every_check_that_fails_is_said(web: Server) -> None:
    web.answers["GET /ok"] = Answer()

    said = problem(web, check(path="/a"), check(path="/ok"), check(path="/b"))

    assert [line.partition(": ")[0] for line in said.splitlines()] == ["GET /a", "GET /b"]


def test_an_app_that_comes_up_late_is_waited_for(web: Server) -> None:
    web.answers["GET /"] = [Answer(502), Answer(502), Answer()]

    smoke.run([check()], url(web), 60)

    assert len(web.requests) == 3


def test_an_app_that_never_answers_is_given_up_in_time(web: Server) -> None:
    never = threading.Event()
    web.answers["GET /"] = Answer(hang=never)

    said = problem(web, check(within="10ms"))

    never.set()
    assert said == "GET /: no answer within 0.01 s"


def test_an_answer_that_never_ends_is_given_up_in_time(web: Server) -> None:
    web.answers["GET /"] = Answer(headers={"Content-Type": "text/event-stream"}, hijack=endless)

    assert problem(web, check(within=0.1)) == "GET /: status 200, but the answer doesn't end within 0.1 s"


def test_an_answer_whose_head_never_ends_is_given_up_in_time(web: Server) -> None:
    port = web.port
    with trickling() as web.port:
        assert problem(web, check(within=0.1)) == "GET /: no answer within 0.1 s"
    web.port = port


def test_nothing_there_is_a_failure_in_one_line(web: Server) -> None:
    port, web.port = web.port, 1

    assert "Connection refused" in problem(web, check())
    web.port = port


@pytest.mark.parametrize("path", ["/ümlaut", "/a b", "/\n"])
def test_a_path_that_no_request_can_ask_for_is_a_failure_and_no_crash(web: Server, path: str) -> None:
    assert problem(web, check(path=path)).startswith("GET ")


def test_the_candidates_key_goes_with_each_request(web: Server) -> None:
    web.answers["GET /"] = Answer()

    assert problem(web, check(), headers={"X-Tagship-Candidate": "k3y"}) == ""
    assert web.requests[0].headers["X-Tagship-Candidate"] == "k3y"


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (f"{RELEASE}-web-1", ""),
        ("shop-staging-bbbbbbbb-c0ffee-web-1", "shop-staging-bbbbbbbb-c0ffee-web-1 answered, not "),
        (f"{RELEASE}0-web-1", f"{RELEASE}0-web-1 answered, not "),
        ("", "no release answered, not "),
    ],
)
def test_it_must_be_this_release_that_answers(web: Server, answered: str, said: str) -> None:
    web.answers["GET /"] = Answer(headers={"X-Tagship-Release": answered})

    assert problem(web, check(), release=RELEASE) == (f"GET /: {said}{RELEASE}" if said else "")


@pytest.mark.parametrize(("days", "said"), [(40, ""), (20, "GET /: the certificate expires in 20 days")])
def test_a_certificate_must_not_expire_soon(secure: Callable[[int], Server], days: int, said: str) -> None:
    server = secure(days)
    server.answers["GET /"] = Answer()

    assert problem(server, check(**{"tls-days": 30}), scheme="https") == said


def test_a_certificate_that_nobody_vouches_for_is_a_failure(
    secure: Callable[[int], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = secure(1)
    monkeypatch.delenv("SSL_CERT_FILE")

    assert "CERTIFICATE_VERIFY_FAILED" in problem(server, check(), scheme="https")


def test_a_command_of_the_apps_own_is_told_where_the_app_is(web: Server, tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    assert problem(web, SmokeCheck(run=f"""sh -c 'printf "$SMOKE_URL" > {ran}'""")) == ""
    assert ran.read_text() == url(web)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sh -c 'seq 5; exit 3'", "sh -c 'seq 5; exit 3': exit 3: 3 / 4 / 5"),
        ("nothing-of-that-name", "nothing-of-that-name: No such file or directory"),
        ("sh -c 'printf \\\\377; exit 1'", "exit 1: "),
    ],
)
def test_a_command_that_fails_says_its_last_lines(web: Server, command: str, said: str) -> None:
    assert said in problem(web, SmokeCheck(run=command))


def test_a_command_that_never_ends_is_given_up_in_time(web: Server) -> None:
    assert problem(web, SmokeCheck(run="sleep 60", within=0.01)) == "sleep 60: not done within 0.01 s"


def test_a_command_that_is_given_up_ends_with_its_group(web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Mock(wraps=group.end)
    monkeypatch.setattr(group, "end", ended)

    assert "not done within" in problem(web, SmokeCheck(run="sh -c 'sleep 60 & wait'", within=0.05))

    assert ended.call_count == 1


def test_a_command_gets_no_secret_that_it_was_not_given(web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t")

    assert "s3cr3t" not in problem(web, SmokeCheck(run="sh -c 'env; exit 1'"))
