"""`logs`."""

import json
from typing import Any

import pytest

from tests.fakes.servers import Answer, Server
from tests.unit.commands.conftest import Reach, Run
from tests.unit.engine.test_logs import frame

OLD, LIVE = "shop-staging-aaaaaaaa-c0ffee", "shop-staging-bbbbbbbb-c0ffee"


def at(second: int) -> str:
    """A moment of one minute."""
    return f"2026-11-27T10:00:{second:02}.000000000Z"


def listed(project: str, service: str, number: int = 1, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A container as the engine lists it."""
    return {
        "Id": f"{project[13:21]}-{service}-{number}",
        "Names": [f"/{project}-{service}-{number}"],
        "Labels": {"com.docker.compose.project": project, "com.docker.compose.service": service} | (labels or {}),
        "State": "running",
        "Status": "Up",
        "Created": 5 if project == LIVE else 1,
    }


@pytest.fixture(autouse=True)
def _printed(daemon: Server, reach: Reach) -> None:
    reach.live = LIVE
    one_off = listed(LIVE, "web-run", labels={"com.docker.compose.oneoff": "True"})
    daemon.answers["GET /containers/json"] = Answer(
        body=[
            one_off,
            listed(LIVE, "web", 2),
            listed(LIVE, "web"),
            listed("shop-staging-accessories", "db"),
            listed(OLD, "web"),
        ]
    )
    for name, texts in {
        "bbbbbbbb-web-1": [f"{at(1)} one\n", f"{at(4)} FOUR\n"],
        "bbbbbbbb-web-2": [f'{at(2)} {{"level": "error", "msg": "two"}}\n', f"{at(3)} three\n"],
        "accessor-db-1": [f"{at(0)} ready\n"],
        "aaaaaaaa-web-1": [f"{at(0)} old\n"],
    }.items():
        daemon.answers[f"GET /containers/{name}/logs"] = Answer(body=b"".join(map(frame, texts)))


def shown(run: Run, *options: str) -> list[tuple[str, str]]:
    """Who said what."""
    said = run("logs", "--env", "staging", *options)
    assert said.code == 0, said.err
    return [
        (line.partition(" ")[0], line.partition("│ ")[2].partition("00:0")[2][2:]) for line in said.out.splitlines()
    ]


def test_the_lines_of_all_replicas_are_merged_by_time(run: Run) -> None:
    assert shown(run) == [("web-1", "one"), ("web-2", "ERROR two"), ("web-2", "three"), ("web-1", "FOUR")]


def test_an_accessory_is_shown_where_it_is_named(run: Run) -> None:
    assert [name for name, _ in shown(run, "--service", "db,web")] == ["db", "web-1", "web-2", "web-2", "web-1"]


def test_accessories_have_logs_of_their_own(run: Run) -> None:
    said = run("accessories.logs", "--env", "staging")

    assert [line.split()[0] for line in said.out.splitlines()] == ["db"]


def test_a_past_release_that_stands_is_shown_too(run: Run) -> None:
    assert shown(run, "--sha", "aaaaaaaa" + 32 * "0") == [("web", "old")]


def test_a_release_that_does_not_stand_is_refused(run: Run) -> None:
    said = run("logs", "--env", "staging", "--sha", "cccccccc")

    assert said.code == 9
    assert "use one of those that do: aaaaaaaa, bbbbbbbb" in said.err


def test_a_pattern_counts_before_the_tail(run: Run, daemon: Server) -> None:
    assert shown(run, "--grep", "^(one|four)", "--tail", "1") == [("web-1", "FOUR")]
    assert {r.query["tail"] for r in daemon.requests if r.path.endswith("/logs")} == {"all"}


def test_raw_lines_are_the_apps_own(run: Run) -> None:
    said = run("logs", "--env", "staging", "--raw").out

    assert said.splitlines() == ["one", '{"level": "error", "msg": "two"}', "three", "FOUR"]


def test_json_has_the_fields_of_a_json_line(run: Run) -> None:
    lines = [json.loads(line) for line in run("logs", "--env", "staging", "--json").out.splitlines()]

    assert lines[1] == {
        "at": at(2), "service": "web", "container": f"{LIVE}-web-2", "release": LIVE, "stream": "stdout",
        "text": '{"level": "error", "msg": "two"}', "fields": {"level": "error", "msg": "two"},
    }  # fmt: skip


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_half_an_emoji_is_shown_as_it_was_written(run: Run, daemon: Server, how: tuple[str, ...]) -> None:
    cut = frame(f'{at(1)} {{"msg": "hi \\ud83d"}}\n')
    daemon.answers["GET /containers/accessor-db-1/logs"] = Answer(body=cut)

    said = run("logs", "--env", "staging", "--service", "db", *how)

    assert said.code == 0, said.err
    assert "hi \\ud83d" in said.out


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (("--service", "wbe"), 9, "wbe has no container in staging.\n  hint: use one of: web, db"),
        (("--grep", "("), 64, "is no regular expression"),
        (("--tail", "few"), 64, "'few' is no number of lines"),
        (("--tail", "99999999999999999999"), 64, "is no number of lines"),
        (("--since", "noon"), 64, "'noon' is no time"),
        (("--raw", "--json"), 64, "exclude each other"),
    ],
)
def test_a_wrong_option_is_refused(run: Run, options: tuple[str, ...], code: int, problem: str) -> None:
    said = run("logs", "--env", "staging", *options)

    assert said.code == code
    assert problem in said.err


def test_a_duration_counts_by_the_engines_clock(run: Run, daemon: Server) -> None:
    daemon.headers["Date"] = "Fri, 27 Nov 2026 10:00:10 GMT"

    run("logs", "--env", "staging", "--since", "10s", "--service", "db")

    (asked,) = [r.query["since"] for r in daemon.requests if r.path.endswith("/logs")]
    assert abs(float(asked) - 1795773600) < 2


def test_nothing_is_live_yet(run: Run, reach: Reach) -> None:
    reach.live = ""

    assert "No release is live in staging" in run("logs", "--env", "staging").err
