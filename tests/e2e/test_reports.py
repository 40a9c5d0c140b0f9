"""Reports about a real environment, in order and out of order."""

from tests.hello import Hello


def test_status_and_history_tell_of_a_stopped_server_what_it_is(hello: Hello, environment: str) -> None:
    host = hello.rig.hosts[int(environment[-1]) - 1]
    hello.commit()
    release = hello.ship(environment)["release"]
    host.docker("stop", "tagship-edge", f"{release}-web-1")

    try:
        status = hello.tagship("status", "--env", environment)
        unread = hello.run("history", "--env", environment)
    finally:
        host.docker("start", "tagship-edge")

    assert status.splitlines()[0].split() == [environment, release]
    assert "the edge is stopped" in status
    assert "nothing yet" not in status
    assert unread.returncode == 9
    assert hello.tagship("history", "--env", environment).splitlines()[-1].split()[3:6] == [
        "deploy", release[-15:], "ok",
    ]  # fmt: skip
    assert "is intact: 1 line" in hello.tagship("history", "--env", environment, "--verify")

    ledger = f"/tagship/{hello.name}-{environment}/ledger.jsonl"
    host.docker("exec", "tagship-edge", "sh", "-c", f"printf '{{\"at\":' >> {ledger}")
    torn = hello.run("history", "--env", environment, "--verify")
    assert (torn.returncode, "Line 2 is truncated" in torn.stderr) == (19, True)
