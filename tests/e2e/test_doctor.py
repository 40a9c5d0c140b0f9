"""`doctor` on a real server: what is right, and what is made wrong on purpose."""

import json
from typing import Any

from tests.hello import Hello


def test_doctor_finds_what_is_wrong_with_a_server_and_nothing_else(hello: Hello) -> None:
    host = hello.rig.hosts[0]
    hello.commit()
    hello.ship("host1")

    done = hello.run("doctor", "--env", "host1", "--json")
    marks = {check["check"]: check["mark"] for check in json.loads(done.stdout)}
    assert (done.returncode, {name for name, mark in marks.items() if mark != "good"} - {"clock"}) == (0, set()), done
    assert {"ssh", "host key", "disk", "memory", "registry", "edge", "open ports", "dns"} <= marks.keys()

    exposed = f"{hello.name}-exposed"
    serve = ["python3", "-m", "http.server", "8000"]
    host.docker("run", "-d", "--name", exposed, "-p", "9999:8000", hello.rig.image("python"), *serve)
    try:
        _told(hello, f"Port 9999 of {exposed} can be reached")
    finally:
        host.docker("rm", "-fv", exposed)

    hello.compose["services"]["web"]["healthcheck"]["test"] = ["CMD-SHELL", "exit 0"]
    hello.compose["services"]["db"] = {"image": "postgres"}
    hello.commit()
    told = _failed(hello)
    assert [line["check"] for line in told] == ["compose file", "healthcheck"]

    host.run(["mv", "/etc/ssh/authorized_keys", "/etc/ssh/away"])
    try:
        (refused,) = [check for check in _failed(hello) if check["check"] == "ssh"]
        assert "The server refused" in refused["text"]
        assert "deployer (ED25519 SHA256:" in refused["text"]
    finally:
        host.run(["mv", "/etc/ssh/away", "/etc/ssh/authorized_keys"])


def _failed(hello: Hello) -> list[dict[str, Any]]:
    done = hello.run("doctor", "--env", "host1", "--json")
    assert done.returncode
    return [check for check in json.loads(done.stdout) if check["mark"] == "bad"]


def _told(hello: Hello, text: str) -> None:
    told = [check["text"] for check in _failed(hello)]
    assert any(text in line for line in told), told
