"""A broken connection: reconnected or given up, and the error for it."""

import os
import signal
import socket

import pytest

from tagship.errors import ConnectionFailedError
from tagship.server import tunnel as tunnels
from tagship.server.tunnel import Tunnel
from tests.fakes.openssh import Machine, connects


def test_a_connection_that_was_cut_is_made_again_and_says_that_it_was(machine: Machine) -> None:
    machine.ssh(connects(machine.folder))
    with Tunnel("ssh://deploy@example.com") as tunnel:
        first = tunnel.wait()
        assert tunnel.cut() is None
        os.kill(machine.process, signal.SIGKILL)

        said = tunnel.explain(BrokenPipeError("Broken pipe"))
        second = tunnel.socket()
        with socket.socket(socket.AF_UNIX) as near:
            near.connect(str(second))

    assert "The SSH connection to ssh://deploy@example.com broke" in said.problem
    assert first != second
    assert machine.leftovers == []


def test_a_connection_that_can_not_be_made_again_is_given_up_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "RECONNECT_WITHIN", 0.0)
    machine.ssh(connects(machine.folder))
    with Tunnel("ssh://example.com") as tunnel:
        tunnel.wait()
        os.kill(machine.process, signal.SIGKILL)
        assert tunnel.cut()
        machine.ssh("echo Connection refused >&2; exit 255")

        for _ in range(2):
            with pytest.raises(ConnectionFailedError, match="Connection refused"):
                tunnel.socket()


def test_a_call_that_came_too_late_for_a_connection_made_again_meanwhile_was_cut(machine: Machine) -> None:
    machine.ssh(connects(machine.folder))
    with Tunnel("ssh://deploy@example.com") as tunnel:
        tunnel.wait()
        os.kill(machine.process, signal.SIGKILL)
        assert tunnel.cut(5)
        tunnel.socket()

        said = tunnel.explain(FileNotFoundError("No such file or directory"))

    assert "The SSH connection to ssh://deploy@example.com broke" in said.problem


def test_a_user_who_may_not_use_docker_is_named_and_the_group_too(machine: Machine) -> None:
    machine.ssh(f"echo 'channel 1: open failed: connect failed: open failed' >&2; {connects(machine.folder)}")
    with Tunnel("ssh://ada@example.com") as tunnel:
        tunnel.wait()
        said = tunnel.explain(ConnectionResetError("Connection reset by peer"))

    assert "ada can't open /var/run/docker.sock" in said.problem
    assert "usermod -aG docker ada" in said.hint


def test_a_connection_that_was_cut_during_a_build_is_made_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "_STALE", 0.0)
    once = machine.folder / "once"
    machine.ssh(f"[ -e {once} ] || {{ touch {once}; exit 255; }}\n{connects(machine.folder)}")

    with Tunnel("ssh://example.com") as made, socket.socket(socket.AF_UNIX) as near:
        near.connect(str(made.wait()))

    assert once.exists()
    assert machine.leftovers == []
