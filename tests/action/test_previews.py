"""Previews in GitHub Actions: the repository's own pull requests have them, a fork's don't."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.action.act import Act
from tests.action.conftest import Acted, starter
from tests.action.github import GitHub
from tests.action.test_attacks import one

NUMBER = 212
"""Of the pull request, and the last byte of an address that the host gets."""


def payload(action: str, head: str, *, fork: bool = False) -> dict[str, Any]:
    """The event of a pull request, whose branch is in the repository or in a fork."""
    theirs = {"id": 2 if fork else 1, "full_name": "mallory/r" if fork else "o/r"}
    return {
        "action": action,
        "pull_request": {
            "number": NUMBER,
            "user": {"login": "alice"},
            "head": {"sha": head, "repo": theirs},
            "base": {"repo": {"id": 1, "full_name": "o/r"}},
        },
    }


@pytest.fixture
def previewed(app: Acted) -> Iterator[Acted]:
    """The app with previews, and a host with the address of one."""
    host = app.rig.hosts[-1]
    prefix = host.address.rpartition(".")[0]
    app.settings["previews"] = {"like": "staging", "url": f"http://{prefix}.{{number}}"}
    host.machine.run(["ip", "addr", "replace", f"{prefix}.{NUMBER}/24", "dev", "eth0"])
    yield app
    host.machine.run(["ip", "addr", "del", f"{prefix}.{NUMBER}/24", "dev", "eth0"])


@pytest.mark.thorough
def test_a_pull_request_has_a_preview_while_it_is_open(previewed: Acted, act: Act, github: GitHub) -> None:
    url = previewed.settings["previews"]["url"].format(number=NUMBER)
    sha = previewed.commit()
    workflow = starter(previewed, "preview")

    opened = act.run(previewed.folder, workflow, github, event="pull_request", payload=payload("opened", sha))
    assert opened.results == {"up": "success"}, opened.log
    answered = previewed.get_at(url)
    closed = act.run(previewed.folder, workflow, github, event="pull_request", payload=payload("closed", sha))
    fork = act.run(previewed.folder, workflow, github, event="pull_request", payload=payload("opened", sha, fork=True))

    assert opened.outputs("up")["url"] == url
    assert answered.startswith(f"200 hello {sha}")
    assert closed.results == {"down": "success"}, closed.log
    assert f"{previewed.name}-pr{NUMBER} is gone" in closed.log
    assert fork.results == {}


def test_a_forks_pull_request_reaches_no_server(previewed: Acted, act: Act, github: GitHub) -> None:
    event = payload("opened", previewed.commit(), fork=True)
    given = {"run": f"preview.up {NUMBER}", "ssh-key": act.key, "known-hosts": act.known_hosts}

    ran = act.run(previewed.folder, one(**given), github, event="pull_request", payload=event)

    assert ran.results["one"] == "failure"
    assert "doesn't run on a fork's pull request" in ran.log
    assert "Connect" not in ran.log
