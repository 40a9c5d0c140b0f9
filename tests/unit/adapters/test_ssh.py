"""One SSH connection per deploy: what OpenSSH is told, and what is said when it fails."""

import tempfile
from pathlib import Path

import pytest

from tagship.adapters.ssh import Tunnel
from tagship.errors import ConfigError, ConnectionFailedError, ToolError

CONNECTS = """
for word in "$@"; do case "$previous" in -L) socket="${word%%:*}";; esac; previous="$word"; done
touch "$socket"
exec sleep 60
"""


class Machine:
    """A machine whose `ssh` is a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ssh(self, script: str) -> None:
        """What its ssh does, once it has kept what it was told."""
        path = self.folder / "ssh"
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {self.folder}/argv; env > {self.folder}/env\n{script}\n")
        path.chmod(0o755)

    def told(self, engine: str, reverse_port: int = 0) -> list[str]:
        """The argv of a connection that succeeds."""
        self.ssh(CONNECTS)
        with Tunnel(engine, reverse_port) as tunnel:
            tunnel.wait()
        return (self.folder / "argv").read_text().splitlines()

    @property
    def leftovers(self) -> list[str]:
        """What connections left in the folder for temporary files."""
        return [path.name for path in self.folder.glob("tagship-*")]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """One with temporary files of its own."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Machine(tmp_path)


def test_forwards_the_servers_docker_socket_and_nothing_else(machine: Machine) -> None:
    argv = machine.told("ssh://deploy@example.com")

    forwards = [argv[at + 1] for at, word in enumerate(argv) if word in {"-L", "-R", "-D"}]
    assert [forward.partition(":")[2] for forward in forwards] == ["/var/run/docker.sock"]
    assert argv[-2:] == ["--", "example.com"]
    assert argv[argv.index("-l") + 1] == "deploy"
    assert "-N" in argv


def test_host_keys_are_checked_and_nobody_is_asked_for_a_password(machine: Machine) -> None:
    argv = machine.told("ssh://example.com")

    options = {argv[at + 1] for at, word in enumerate(argv) if word == "-o"}
    assert options >= {"StrictHostKeyChecking=yes", "BatchMode=yes", "ExitOnForwardFailure=yes", "ControlPath=none"}


@pytest.mark.parametrize(
    ("engine", "host", "port"),
    [
        ("ssh://example.com", "example.com", []),
        ("ssh://example.com:2222", "example.com", ["-p", "2222"]),
        ("ssh://me@[2001:db8::1]:2222", "2001:db8::1", ["-p", "2222"]),
        ("ssh://alias_of-mine", "alias_of-mine", []),
    ],
)
def test_reads_the_engines_address(machine: Machine, engine: str, host: str, port: list[str]) -> None:
    argv = machine.told(engine)

    assert argv[-1] == host
    assert argv[argv.index("-p") :][: len(port)] == port if port else "-p" not in argv


def test_an_embedded_registry_is_lent_on_both_loopbacks_alone(machine: Machine) -> None:
    argv = machine.told("ssh://example.com", reverse_port=20123)

    assert argv[argv.index("-R") + 1] == "127.0.0.1:20123:127.0.0.1:20123"


@pytest.mark.parametrize(
    "engine",
    [
        "ssh://-oProxyCommand=touch%20x",
        "ssh://-oProxyCommand=x@example.com",
        "ssh://-l@example.com",
        "ssh://",
        "ssh://deploy@",
        "ssh:///path",
        "ssh://example.com:99999",
        "ssh://example.com:x",
    ],
)
def test_a_host_that_ssh_would_take_for_an_option_never_reaches_it(machine: Machine, engine: str) -> None:
    machine.ssh(CONNECTS)

    with pytest.raises(ConfigError, match=r"names no host|no valid port"):
        Tunnel(engine)

    assert not (machine.folder / "argv").exists()
    assert machine.leftovers == []


def test_ssh_gets_no_secret_of_ours(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")

    machine.told("ssh://example.com")

    environment = (machine.folder / "env").read_text()
    assert "s3cr3t" not in environment
    assert "SSH_AUTH_SOCK=/agent" in environment


def test_nothing_is_left_when_it_is_over(machine: Machine) -> None:
    machine.told("ssh://example.com")

    assert machine.leftovers == []


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Host key verification failed.", "ssh-keyscan example.com"),
        ("deploy@example.com: Permission denied (publickey).", "authorized_keys"),
        ("ssh: Could not resolve hostname example.com: no", "is the host name"),
        ("channel 0: open failed: administratively prohibited: x", "AllowStreamLocalForwarding"),
        ("something nobody has met", ""),
    ],
)
def test_a_failure_says_what_ssh_said_and_what_to_do(machine: Machine, said: str, hint: str) -> None:
    machine.ssh(f"echo noise >&2; echo >&2; echo '{said}' >&2; exit 255")
    tunnel = Tunnel("ssh://deploy@example.com")

    with pytest.raises(ConnectionFailedError) as caught:
        tunnel.wait()

    assert caught.value.problem == f"SSH to ssh://deploy@example.com failed: noise; {said.rstrip('.')}."
    assert hint in caught.value.hint
    assert machine.leftovers == []


def test_a_failure_without_a_word_says_so(machine: Machine) -> None:
    machine.ssh("exit 1")

    with pytest.raises(ConnectionFailedError, match="no answer"):
        Tunnel("ssh://example.com").wait()


def test_a_machine_without_ssh_is_told_what_to_install(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.folder))

    with pytest.raises(ToolError, match="ssh is not installed"):
        Tunnel("ssh://example.com")

    assert machine.leftovers == []
