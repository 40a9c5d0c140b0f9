"""A killed deploy is finished, recorded and rolled back; damaged files are reported."""

import time
from collections.abc import Callable

from tests.hello import Hello
from tests.rig import Host


def test_a_deploy_killed_while_it_stops_the_old_release_is_recorded_and_can_be_gone_back_from(
    hello: Hello, environment: str
) -> None:
    hello.compose["services"]["web"]["stop_grace_period"] = "4s"
    first = hello.commit(**{"signal.signal(signal.SIGTERM": "signal.signal(signal.SIGUSR1"})  # stops slowly
    hello.ship(environment)
    second = hello.commit(**{"signal.signal(signal.SIGUSR1": "signal.signal(signal.SIGTERM"})
    deploying = hello.start("ship", "--env", environment)
    _until(lambda: second in hello.get(environment))
    deploying.kill()
    deploying.communicate()
    hello.tagship("lock.release", "--env", environment)

    hello.tagship("rollback", "--env", environment)

    time.sleep(5)  # an engine goes on stopping, though nobody waits for it any more
    assert first in hello.get(environment)
    done = [(entry["tag"], entry["action"], entry["result"]) for entry in hello.history(environment)]
    assert done == [(first, "deploy", "ok"), (second, "deploy", "ok"), (first, "rollback", "ok")]


def test_a_first_deploy_that_fails_its_public_smoke_test_is_not_nothing_to_do(hello: Hello, environment: str) -> None:
    once = hello.folder.parent / "once"
    hello.settings["smoke"] = [{"run": f"sh -c 'test ! -e {once} && touch {once}'"}]  # fails behind the cutover
    hello.commit()
    refused = hello.run("ship", "--env", environment)
    again = hello.run("deploy", "--env", environment)

    assert (refused.returncode, again.returncode) == (13, 13), refused.stderr + again.stderr
    assert "ok" not in [entry["result"] for entry in hello.history(environment)]


def test_a_changed_variable_is_undone_by_a_rollback(hello: Hello, environment: str) -> None:
    (hello.folder / ".gitignore").write_text(".env.local\n")
    hello.settings["variables"] = [".env.build", ".env.local"]
    (hello.folder / ".env.local").write_text("COLOR=blue\n")
    hello.commit()
    hello.ship(environment)
    (hello.folder / ".env.local").write_text("COLOR=red\n")
    hello.ship(environment)
    assert "red" in hello.get(environment)

    back = hello.run("rollback", "--env", environment)

    assert back.returncode == 0, back.stderr
    assert "gets its old value of COLOR back" in back.stderr
    assert "blue" in hello.get(environment)
    refused = hello.run("rollback", "--env", environment)
    assert (refused.returncode, "no release before" in refused.stderr) == (4, True)


def test_a_torn_line_and_a_bent_file_of_the_environment_are_passed_over_and_said(
    hello: Hello, environment: str
) -> None:
    hello.commit()
    release = hello.ship(environment)["release"]
    folder = f"/tagship/{hello.name}-{environment}"
    _edge(hello, environment, f"printf '%s' '{{\"at\": \"2026' >> {folder}/ledger.jsonl; printf '\\n' >> {folder}/live")

    said = hello.run("deploy", "--env", environment)
    sha = hello.commit()
    hello.ship(environment)

    assert (said.returncode, "skipped an invalid line" in said.stderr) == (0, True), said.stderr
    assert "nothing to do" in said.stdout
    assert sha in hello.get(environment)
    assert hello.history(environment)[0]["release"] == release
    assert len(hello.history(environment)) == 2

    _edge(hello, environment, f"printf %s {hello.name}-{environment}-00000000-000000 > {folder}/live")
    hello.commit()
    refused = hello.run("ship", "--env", environment)
    assert (refused.returncode, "has no containers" in refused.stderr) == (9, True), refused.stderr


def test_a_failed_migration_leaves_no_network_and_one_left_running_is_not_joined(
    hello: Hello, environment: str
) -> None:
    hello.compose["services"]["web"]["environment"]["MODE"] = "${MODE:-}"
    hello.settings["release"] = {
        "migrations": {"service": "web", "pending": "cat /pending", "apply": "sh -c 'echo applying; sleep 30'"}
    }
    hello.append("Dockerfile", "RUN echo 0002 > /pending\n")
    sha = hello.commit()
    deploying = hello.start("ship", "--env", environment)
    host = _host(hello, environment)
    _until(lambda: "sleep 30" in host.docker("ps", "--no-trunc", "--format", "{{.Command}}"))
    deploying.kill()
    deploying.communicate()
    hello.tagship("lock.release", "--env", environment)

    refused = hello.run("deploy", "--env", environment)
    assert (refused.returncode, "still running in" in refused.stderr) == (9, True), refused.stderr

    for container in host.docker("ps", "-q", "--filter", f"label=tagship.sha={sha}").split():
        host.docker("rm", "--force", container)
    hello.settings["release"]["migrations"]["apply"] = "false"
    failed = hello.commit()
    said = hello.run("ship", "--env", environment)
    assert said.returncode == 11, said.stderr
    networks = ("network", "ls", "--format", "{{.Name}}", "--filter", f"label=tagship.app={hello.name}")
    assert failed[:8] not in host.docker(*networks)

    hello.settings["release"]["migrations"]["pending"] = "true"
    hello.commit()
    release = hello.ship(environment)["release"]
    assert host.docker(*networks).split() == [release], "what the killed deploy left has gone, too"


def test_a_deploy_stopped_while_it_asks_what_is_pending_leaves_nothing(hello: Hello, environment: str) -> None:
    first = hello.commit()
    hello.ship(environment)
    asking = {"service": "web", "pending": "sleep 300", "apply": "true"}
    hello.settings["release"] = {"migrations": asking}
    hello.commit()
    deploying = hello.start("ship", "--env", environment)
    host = _host(hello, environment)
    _until(lambda: "sleep 300" in host.docker("ps", "--no-trunc", "--format", "{{.Command}}"))
    _until(lambda: len(host.docker("ps", "-aq", "--filter", "status=created", "--filter", f"name={hello.name}")) > 0)

    deploying.terminate()
    _, said = deploying.communicate(timeout=30)

    assert deploying.returncode, said
    assert first in hello.get(environment)
    mine = ("--filter", f"label=tagship.app={hello.name}")
    assert len(host.docker("ps", "-aq", *mine).split()) == 1, "the first release's alone"
    assert len(host.docker("network", "ls", "-q", *mine).split()) == 1
    assert "sleep 300" not in host.docker("ps", "--no-trunc", "--format", "{{.Command}}")


def _host(hello: Hello, environment: str) -> Host:
    return hello.rig.hosts[int(environment[-1]) - 1]


def _edge(hello: Hello, environment: str, script: str) -> None:
    _host(hello, environment).docker("exec", "tagship-edge", "sh", "-c", script)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            if true():
                return
        except AssertionError:  # nothing answers yet
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
