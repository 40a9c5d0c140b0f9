"""A candidate that has a share of all visitors before the cutover, under load on a real server."""

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.hello import Hello

ENVIRONMENT = "host1"
VISITORS = 500
_VISIT = """import http.client, json, sys
host, path, count, known = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
seen, kept, failed = {}, [], []
for cookie in known or [""] * count:
    connection, answers = http.client.HTTPConnection(host, timeout=15), []
    for method in ("GET", "POST", "GET") if known or count < 100 else ("GET",):
        connection.request(method, path, "x" if method == "POST" else None, {"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        body = answer.read().decode().split()
        if answer.status != 200:
            failed.append(answer.status)
            continue
        cookie = (answer.getheader("Set-Cookie") or cookie).partition(";")[0]
        answers.append(body[1])
    if len(set(answers)) > 1:
        failed.append(answers)
    if answers:
        seen[answers[-1]] = seen.get(answers[-1], 0) + 1
    kept.append(cookie)
    connection.close()
print(json.dumps({"seen": seen, "cookies": kept, "failed": failed}))
"""


def visit(app: Hello, count: int = 0, path: str = "/", cookies: list[str] | None = None) -> dict[str, Any]:
    """Have visitors ask on one connection each, three times if they are few; fresh ones, or those with these cookies.

    Returns the commit that answered → how many visitors, their cookies, and what failed: a status, or a visitor to whom
    two releases answered.
    """
    host = app.rig.hosts[0].address
    argv = [sys.executable, "-c", _VISIT, host, path, str(count), json.dumps(cookies or [])]
    found: dict[str, Any] = json.loads(app.rig.laptop.run(argv).stdout)
    return found


def shared(app: Hello, *words: str, task: str = "deploy") -> subprocess.Popen[str]:
    """A deploy with a canary that has begun."""
    deploy = app.start(task, "--env", ENVIRONMENT, *words)
    for _ in range(60):
        (told,) = json.loads(app.tagship("status", "--env", ENVIRONMENT, "--json"))
        if told["canary"]:
            assert f"{words[1]} of visitors reach" in told["canary"]
            return deploy
        assert deploy.poll() is None, deploy.communicate()
        time.sleep(0.5)
    raise TimeoutError


@pytest.mark.thorough
def test_those_who_wait_for_a_candidate_that_crashed_reach_the_live_release(hello: Hello) -> None:
    hello.commit()
    hello.ship(ENVIRONMENT)
    second = hello.commit()
    hello.tagship("build", "push")
    load = hello.load(ENVIRONMENT, [["/", None, True], ["/", None, False], ["/", "x", True], ["/", "x", False]] * 2)
    deploy = shared(hello, "--canary", "50%", "--for", "5m")
    host = hello.rig.hosts[0]

    host.docker("kill", host.docker("ps", "--quiet", "--filter", f"name={second[:8]}").strip())
    _, said = deploy.communicate(timeout=120)

    assert deploy.returncode == 12, said
    assert "web is Exited (137)" in said
    seen = load.stop()
    assert len(seen["failures"]) <= 8, seen["failures"]  # at most each client's one that was in flight
    assert not [failure for failure in seen["failures"] if "status" in failure], seen["failures"]


def test_a_share_of_visitors_tries_a_release_and_stays_with_it_until_it_is_live_or_gone(hello: Hello) -> None:
    first = hello.commit()
    hello.ship(ENVIRONMENT)
    nothing = hello.run("deploy", "--env", ENVIRONMENT, "--canary", "10%")
    assert nothing.returncode == 0, nothing.stderr
    second = hello.commit()
    load = hello.load(ENVIRONMENT)

    deploy = shared(hello, "--canary", "10%", "--for", "5m", task="ship")
    fresh = visit(hello, VISITORS)
    assert not fresh["failed"]
    assert 0.05 < fresh["seen"][second] / VISITORS < 0.16, fresh["seen"]
    assert fresh["seen"][first] + fresh["seen"][second] == VISITORS
    some = fresh["cookies"][:60]
    again = visit(hello, cookies=some)
    assert not again["failed"]
    assert again["seen"].get(second, 0) == sum(cookie.endswith(".candidate") for cookie in some)
    hello.tagship("candidate.accept", "--env", ENVIRONMENT)
    _, said = deploy.communicate(timeout=120)
    assert deploy.returncode == 0, said
    assert visit(hello, cookies=some)["seen"] == {second: len(some)}
    assert "canary 10%: 0 of " in hello.history(ENVIRONMENT)[-1]["why"]

    third = hello.commit(**{"self.send_response(200)": 'self.send_response(500 if self.path == "/new" else 200)'})
    hello.tagship("build", "push")
    deploy = shared(hello, "--canary", "50%", "--for", "5m")
    fresh = visit(hello, 40)
    assert set(fresh["seen"]) == {second, third}
    hello.tagship("candidate.reject", "--env", ENVIRONMENT)
    _, said = deploy.communicate(timeout=120)
    assert deploy.returncode == 12, said
    assert visit(hello, cookies=fresh["cookies"])["seen"] == {second: 40}

    deploy = shared(hello, "--canary", "50%", "--for", "5m")
    assert visit(hello, 40, "/new")["failed"]
    _, said = deploy.communicate(timeout=120)
    assert deploy.returncode == 12, said
    assert "fails too often" in said
    assert visit(hello, 40, "/new")["seen"] == {second: 40}

    killed = shared(hello, "--canary", "50%", "--for", "5m")
    fresh = visit(hello, 40)
    killed.kill()
    killed.communicate()
    assert visit(hello, cookies=fresh["cookies"])["seen"] == fresh["seen"], "it lasts as long as the lock"
    hello.tagship("lock.release", "--env", ENVIRONMENT)
    done = hello.run("deploy", "--env", ENVIRONMENT, "--sha", second)
    assert done.returncode == 0, done.stderr
    assert "End the canary of" in done.stderr
    assert visit(hello, cookies=fresh["cookies"])["seen"] == {second: 40}

    seen = load.stop()
    assert seen["requests"] > 1000
    assert not seen["failures"], seen["failures"]
