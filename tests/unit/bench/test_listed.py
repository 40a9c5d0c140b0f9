"""The list of calls: what is left out of a call, what is written is read again, and what a difference says."""

from collections import Counter

import pytest

from tests.bench.listed import BEGIN, END, Stepped, always, anonymous, differences, parsed, table

NAMES = {"shop-staging": "PLACE", "shop-staging-0a1b-44": "RELEASE", "0123456789ab": "RELEASE-web-1"}


@pytest.mark.parametrize(
    ("recorded", "listed"),
    [
        ("GET /containers/json?…", "GET /containers/json"),
        ("POST /containers/0123456789ab/start", "POST /containers/RELEASE-web-1/start"),
        ("GET /exec/ba9876543210/json", "GET /exec/ID/json"),
        ("GET /images/10.0.0.1:5000/shop/web@sha256:00ff/json", "GET /images/IMAGE/json"),
        (
            'shell, 1511 bytes: { echo \'{"version":{"tag":"c2f\' > /tagship/shop-staging/live.new && mv -f',
            "shell: echo … > /tagship/PLACE/live.new",
        ),
        (
            "shell, 291 bytes: { echo 'GET /reverse_proxy/upstreams HTTP/1.1' | nc 127.0.0.1 2019 } </dev/null",
            "shell: GET /reverse_proxy/upstreams",
        ),
        (
            "shell, 168 bytes: { cat /tagship/shop-staging/releases/shop-staging-0a1b-44.json 2>/dev/null || true",
            "shell: cat /tagship/PLACE/releases/RELEASE.json",
        ),
    ],
)
def test_a_call_is_listed_without_what_differs_from_run_to_run(recorded: str, listed: str) -> None:
    assert anonymous(recorded, NAMES) == listed


def test_what_is_written_is_read_again_whatever_the_steps() -> None:
    deploy = [Stepped("Connect", "GET /info"), Stepped("Pull", "GET /x"), Stepped("Stop", "GET /x")]
    page = f"Prose.\n\n{BEGIN}\n{table({'deploy': deploy, 'rollback': deploy[:1]})}\n{END}\n"

    assert parsed(page) == {"deploy": Counter({"GET /info": 1, "GET /x": 2}), "rollback": Counter({"GET /info": 1})}


def test_a_call_that_every_run_adds_or_lacks_is_a_difference() -> None:
    run = [Stepped("Connect", "GET /info"), Stepped("Pull", "GET /x"), Stepped("Pull", "GET /x")]

    said = differences(Counter({"GET /info": 1, "GET /x": 1, "GET /y": 2}), [run, run])

    assert said == ["added: GET /x (1)", "lost: GET /y (2)"]


def test_a_call_that_only_one_run_adds_is_none() -> None:
    once, again = [Stepped("Connect", "GET /info")], [Stepped("Connect", "GET /info"), Stepped("Start", "GET /x")]

    assert differences(Counter({"GET /info": 1}), [once, again]) == []
    assert always([again, once]) == once
