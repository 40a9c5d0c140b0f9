"""A candidate that people look at before the cutover, on a real server."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests import reports
from tests.hello import Hello

ENVIRONMENT = "host1"
_BROWSE = """import http.cookiejar, sys, urllib.request as u
opener = u.build_opener(u.HTTPCookieProcessor(http.cookiejar.CookieJar()))
for line in sys.stdin:
    with opener.open(line.strip(), timeout=15) as answer:
        print(answer.url, *answer.read().decode().split()[1:], flush=True)
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what a test started."""
    with ExitStack() as stack:
        yield stack


class Browser:
    """Keeps cookies, as a person's browser does."""

    def __init__(self, app: Hello) -> None:
        argv = app.rig.laptop.command([sys.executable, "-c", _BROWSE])
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def get(self, url: str) -> tuple[str, str]:
        """Where it was led, and the commit that answered."""
        assert self._process.stdin
        assert self._process.stdout
        print(url, file=self._process.stdin, flush=True)
        led, sha, *cookies = self._process.stdout.readline().split()
        assert not cookies, "the app sees no cookie of ours"
        return led, sha

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def link(app: Hello, deploy: subprocess.Popen[str]) -> str:
    """The link to the candidate, once a deploy holds one."""
    for _ in range(60):
        asked = app.run("candidate.url", "--env", ENVIRONMENT, "--json")
        if asked.returncode == 0:
            reports.check(["candidate.url", "--json"], asked.stdout)
            return str(json.loads(asked.stdout)["url"])
        assert deploy.poll() is None, deploy.communicate()
        assert asked.returncode == 9, asked.stderr
        time.sleep(0.5)
    raise TimeoutError


def test_a_candidate_that_is_held_is_seen_by_those_with_its_link_until_it_is_accepted_or_rejected(
    hello: Hello, stack: ExitStack
) -> None:
    url = hello.settings["environments"][ENVIRONMENT]["url"]
    first = hello.commit(**{"os.environ.get('COLOR', '')": "self.headers.get('Cookie', '')"})
    hello.ship(ENVIRONMENT)
    second = hello.commit()
    hello.tagship("build", "push")
    browser = stack.enter_context(closing(Browser(hello)))

    deploy = hello.start("deploy", "--env", ENVIRONMENT, "--hold", "5m")
    shown = link(hello, deploy)
    assert browser.get(shown) == (f"{url}/", second)
    assert browser.get(f"{url}/another")[1] == second
    assert first in hello.get(ENVIRONMENT)
    assert first in hello.get(ENVIRONMENT, "/?tagship-candidate=")
    hello.tagship("candidate.reject", "--env", ENVIRONMENT)
    _, said = deploy.communicate(timeout=120)
    assert deploy.returncode == 12, said
    assert "was rejected" in said
    assert browser.get(f"{url}/")[1] == first

    again = hello.start("deploy", "--env", ENVIRONMENT, "--hold", "5m")
    assert (newer := link(hello, again)) != shown
    assert browser.get(shown)[1] == first
    assert browser.get(newer)[1] == second
    hello.tagship("candidate.accept", "--env", ENVIRONMENT)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert second in hello.get(ENVIRONMENT)
    assert hello.run("candidate.url", "--env", ENVIRONMENT).returncode == 9

    hello.commit()
    hello.tagship("build", "push")
    killed = hello.start("deploy", "--env", ENVIRONMENT, "--hold", "5m")
    link(hello, killed)
    killed.kill()
    killed.communicate()
    unheard = hello.run("candidate.accept", "--env", ENVIRONMENT)
    assert unheard.returncode == 9
    assert "the deploy that holds it doesn't answer" in unheard.stderr
    assert second in hello.get(ENVIRONMENT)
