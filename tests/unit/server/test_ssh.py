"""One SSH connection per deploy: what OpenSSH is told, and what is said when it fails."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.errors import ConfigError, ConnectionFailedError, ToolError
from tagship.server import ssh
from tagship.server.ssh import Tunnel

_SERVER = """
import os, socket, sys, time
path = sys.argv[sys.argv.index("-L") + 1].partition(":")[0]
near = socket.socket(socket.AF_UNIX)
near.bind(path)
time.sleep(float(sys.argv[1]))
open(os.path.join(sys.argv[2], "pids"), "a").write(f"{os.getpid()}\\n")
near.listen()
if sys.argv[3] == "ends":
    near.accept()
    sys.exit(0)
while True:
    there, _ = near.accept()
    there.close()
"""


def connects(folder: Path, *, after: float = 0, ends: bool = False) -> str:
    """An ssh that listens, some seconds after it made the socket's file; one that `ends` is over at the first call."""
    (folder / "connects.py").write_text(_SERVER)
    how = "ends" if ends else "stays"
    return f'exec {sys.executable} {folder}/connects.py {after} {folder} {how} "$@"'


class Machine:
    """A machine whose `ssh` is a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ssh(self, script: str) -> None:
        """What its ssh does, once it has kept what it was told."""
        path = self.folder / "ssh"
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {self.folder}/argv; env > {self.folder}/env\n{script}\n")
        path.chmod(0o755)

    def told(self, engine: str, *, lends: bool = False) -> list[str]:
        """The argv of a connection that succeeds."""
        self.ssh(connects(self.folder))
        with Tunnel(engine, lends=lends) as tunnel:
            tunnel.wait()
        return (self.folder / "argv").read_text().splitlines()

    @property
    def process(self) -> int:
        """The last ssh that connected."""
        return int((self.folder / "pids").read_text().splitlines()[-1])

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
    assert argv[-3:-1] == ["--", "example.com"]
    assert argv[argv.index("-l") + 1] == "deploy"


def test_a_command_waits_on_the_server_so_that_sshd_sends_small_packets_at_once(machine: Machine) -> None:
    argv = machine.told("ssh://deploy@example.com")

    assert argv[-1] == "cat"
    assert "-N" not in argv
    assert "RemoteCommand=none" in argv


def test_a_user_who_may_run_no_command_there_is_connected_without_one(machine: Machine) -> None:
    machine.ssh(f'case " $* " in *" -N "*) {connects(machine.folder)};; esac\necho "not available"; exit 1')

    with Tunnel("ssh://deploy@example.com") as tunnel, socket.socket(socket.AF_UNIX) as near:
        near.connect(str(tunnel.wait()))

    assert machine.leftovers == []


def test_a_connection_that_ended_with_the_command_is_made_again_without_one(machine: Machine) -> None:
    machine.ssh(f'case " $* " in *" -N "*) {connects(machine.folder)};; esac\n{connects(machine.folder, ends=True)}')

    with Tunnel("ssh://deploy@example.com") as tunnel, socket.socket(socket.AF_UNIX) as near:
        tunnel.wait()
        assert tunnel.cut(5)
        near.connect(str(tunnel.socket()))

    assert "-N" in (machine.folder / "argv").read_text().splitlines()
    assert machine.leftovers == []


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

    assert argv[-2] == host
    assert argv[argv.index("-p") :][: len(port)] == port if port else "-p" not in argv


def test_a_port_is_lent_only_when_it_is_asked_for_and_one_that_the_server_chooses(machine: Machine) -> None:
    argv = machine.told("ssh://example.com", lends=True)
    assert "-R" not in argv

    machine.ssh(connects(machine.folder))
    with Tunnel("ssh://example.com", lends=True) as tunnel:
        tunnel.wait()
        machine.ssh("echo 43121")
        assert [tunnel.lend(5000), tunnel.lend(5000)] == [43121, 43121]
    asked = (machine.folder / "argv").read_text().splitlines()
    assert asked[asked.index("-R") + 1] == "127.0.0.1:0:127.0.0.1:5000"


def test_without_a_registry_of_ours_localhost_is_the_servers_own(machine: Machine) -> None:
    machine.ssh(connects(machine.folder))
    with Tunnel("ssh://example.com") as tunnel:
        assert tunnel.lend(5000) == 5000


def test_a_connection_is_there_only_when_it_takes_connections(machine: Machine) -> None:
    machine.ssh(connects(machine.folder, after=0.1))

    with Tunnel("ssh://example.com") as tunnel, socket.socket(socket.AF_UNIX) as near:
        near.connect(str(tunnel.wait()))


def test_a_killed_run_leaves_neither_ssh_nor_folder_nor_socket(machine: Machine) -> None:
    machine.ssh(connects(machine.folder))
    script = "from tagship.server.ssh import Tunnel; print(Tunnel('ssh://x').wait(), flush=True); input()"
    env = {**os.environ, "TMPDIR": str(machine.folder)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        assert run.stdout.readline().strip().endswith("docker.sock")
        assert machine.leftovers
        run.kill()

    assert eventually(lambda: machine.leftovers == [] and not _lives(machine.process))


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

    assert "The SSH connection to ssh://deploy@example.com was cut" in said.problem
    assert first != second
    assert machine.leftovers == []


def test_a_connection_that_can_not_be_made_again_is_given_up_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "RECONNECT_WITHIN", 0.0)
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

    assert "The SSH connection to ssh://deploy@example.com was cut" in said.problem


def test_a_user_who_may_not_use_docker_is_named_and_the_group_too(machine: Machine) -> None:
    machine.ssh(f"echo 'channel 1: open failed: connect failed: open failed' >&2; {connects(machine.folder)}")
    with Tunnel("ssh://ada@example.com") as tunnel:
        tunnel.wait()
        said = tunnel.explain(ConnectionResetError("Connection reset by peer"))

    assert "ada can't open /var/run/docker.sock" in said.problem
    assert "usermod -aG docker ada" in said.hint


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
    machine.ssh(connects(machine.folder))

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


def eventually(happens: Callable[[], bool]) -> bool:
    """Whether something happens within a time that only a defect outlasts."""
    deadline = time.monotonic() + 10
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
