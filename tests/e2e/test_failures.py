"""Every failure leaves the old release serving, gives the reason, and is undone."""

import json
import re
import signal
import time
from pathlib import Path

from tests.hello import Hello


def test_a_release_that_crashes_at_start_is_refused_with_its_last_words(hello: Hello, environment: str) -> None:
    good = hello.commit()
    hello.ship(environment)
    hello.commit(**{"import http.server": "raise SystemExit('no such table: users')\nimport http.server"})

    load = hello.load(environment)
    refused = hello.run("ship", "--env", environment)
    seen = load.stop()

    assert refused.returncode == 12
    assert refused.stderr.count("web | no such table: users") == 1
    assert "is serving" in refused.stderr
    assert good in hello.get(environment)
    assert seen["failures"] == []
    assert [entry["result"] for entry in hello.history(environment)] == ["ok", "failed"]


def test_a_route_to_the_wrong_port_is_named_with_the_one_that_is_listened_at(hello: Hello) -> None:
    hello.settings |= {"routes": {"/*": "web:8001"}, "smoke": [{"path": "/", "within": "2s"}]}
    hello.commit()

    refused = hello.run("ship", "--env", "host1")

    assert refused.returncode == 13
    assert "The route /* goes to web:8001; web listens at 8000." in refused.stderr


def test_a_release_that_fails_its_smoke_test_never_sees_the_public(hello: Hello, environment: str) -> None:
    good = hello.commit()
    hello.ship(environment)
    hello.commit(**{'"hello"': '"goodbye"'})

    load = hello.load(environment)
    refused = hello.run("ship", "--env", environment)
    seen = load.stop()

    assert refused.returncode == 13
    assert "'hello' is not in the body" in refused.stderr
    assert good in hello.get(environment)
    assert len(seen["releases"]) == 1
    assert seen["failures"] == []
    assert (
        hello.rig.hosts[0].docker("ps", "-aq", "--filter", f"label=tagship.sha={hello.git('rev-parse', 'HEAD')}") == ""
    )


def test_ctrl_c_puts_everything_back_and_frees_the_lock(hello: Hello) -> None:
    good = hello.commit()
    hello.ship("host1")
    hello.commit(**{"server = http": "time.sleep(30)\nserver = http"})
    hello.tagship("build")
    hello.tagship("push")

    deploying = hello.start("deploy", "--env", "host1")
    _wait_for_container(hello, hello.git("rev-parse", "HEAD").strip())
    deploying.send_signal(signal.SIGINT)
    _, said = deploying.communicate(timeout=60)

    assert deploying.returncode == 130, said
    assert good in hello.get("host1")
    assert "Nobody is deploying" in hello.tagship("lock.status", "--env", "host1")
    assert hello.history("host1")[-1]["why"] == "Stopped by SIGINT."


def test_a_killed_deploy_is_finished_by_the_next_once_its_lock_is_free(hello: Hello) -> None:
    hello.commit()
    hello.ship("host1")
    sha = hello.commit()
    hello.tagship("build")
    hello.tagship("push")
    deploying = hello.start("deploy", "--env", "host1")
    _wait_for_container(hello, sha)
    deploying.kill()
    deploying.communicate()

    told = hello.run("deploy", "--env", "host1")
    assert told.returncode == 10
    assert "is locked by" in told.stderr

    hello.tagship("lock.release", "--env", "host1")
    hello.tagship("deploy", "--env", "host1")
    assert sha in hello.get("host1")
    running = hello.rig.hosts[0].docker("ps", "-q", "--filter", f"label=tagship.app={hello.name}").split()
    assert len(running) == 1, "the killed deploy's containers are the live ones, or gone"


def test_a_prune_on_the_server_during_a_deploy_does_no_harm(hello: Hello, environment: str) -> None:
    hello.commit()
    hello.ship(environment)
    sha = hello.commit(**{"server = http": "time.sleep(2)\nserver = http"})
    hello.tagship("build")
    hello.tagship("push")
    host = hello.rig.hosts[int(environment[-1]) - 1]

    load = hello.load(environment)
    deploying = hello.start("deploy", "--env", environment)
    while not host.docker("ps", "-q", "--filter", f"label=tagship.sha={sha}"):
        assert deploying.poll() is None
        time.sleep(0.02)
    host.docker("system", "prune", "--force")
    _, said = deploying.communicate(timeout=60)
    seen = load.stop()

    assert deploying.returncode == 0, said
    assert sha in hello.get(environment)
    assert seen["failures"] == []
    assert "Nobody is deploying" in hello.tagship("lock.status", "--env", environment)


def test_of_two_deploys_at_once_one_waits_for_the_other(hello: Hello) -> None:
    sha = hello.commit()
    hello.tagship("build")
    hello.tagship("push")

    both = [hello.start("deploy", "--env", "host1", "--wait", "60", "--json") for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(json.loads(out)["changed"] for out, _ in said) == [False, True]
    assert sha in hello.get("host1")
    assert len(hello.history("host1")) == 1


def _wait_for_container(hello: Hello, sha: str) -> None:
    """Until the first container of a commit's release is there: the deploy is in the middle of things."""
    deadline = time.monotonic() + 30
    while not hello.rig.hosts[0].docker("ps", "-aq", "--filter", f"label=tagship.sha={sha}"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_signal_during_the_build_ends_it_and_says_so(hello: Hello) -> None:
    hello.append("Dockerfile", "RUN sleep 60\n")
    hello.commit()
    with hello.start("ship", "--env", "host1") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while process.poll() is None and not any(map(_builds, children.read_text().split())):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Build" in said
    assert re.search(r"\d s  in all", said)
    assert said.rstrip().endswith("Stopped by SIGINT.")


def _builds(process: str) -> bool:
    """Whether a process is the build; it may have ended since it was listed."""
    try:
        return b"buildx" in Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
