"""One SSH connection per deploy: OpenSSH's arguments, and the errors if it fails."""

import os
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
from tagship.server.tunnel import Tunnel
from tests.fakes.openssh import Machine, connects


def test_forwards_the_servers_docker_socket_and_nothing_else(machine: Machine) -> None:
    argv = machine.told("ssh://deploy@example.com")

    forwards = [argv[at + 1] for at, word in enumerate(argv) if word in {"-L", "-R", "-D"}]
    assert [forward.partition(":")[2] for forward in forwards] == ["/var/run/docker.sock"]
    assert argv[-2:] == ["--", "example.com"]
    assert "-N" in argv
    assert argv[argv.index("-l") + 1] == "deploy"


@pytest.mark.parametrize("path", ["/run/user/1000/docker.sock", "/run/user/1000/docker.sock/"])
def test_an_engine_with_a_socket_elsewhere_is_reached_there(machine: Machine, path: str) -> None:
    argv = machine.told(f"ssh://deploy@example.com{path}")

    assert argv[argv.index("-L") + 1].partition(":")[2] == "/run/user/1000/docker.sock"


@pytest.mark.parametrize("path", ["/a:b", "/a b", "/$HOME/x"])
def test_a_sockets_path_that_ssh_could_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="path"):
        ssh.Connection(f"ssh://deploy@example.com{path}")


def test_a_command_is_run_there_once_so_that_sshd_sends_small_packets_at_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.ssh(connects(machine.folder))
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        with Tunnel("ssh://deploy@example.com") as tunnel:
            control = tunnel.wait().with_name("control")
            assert eventually(lambda: machine.prompted[-1:] == ["true"])
        assert list(Path(short).iterdir()) == []

    assert machine.prompted[-3:] == ["--", "example.com", "true"]
    assert f"ControlPath={control}" in machine.prompted
    assert "ProxyCommand=false" in machine.prompted, "it would make a connection of its own"


def test_ssh_has_said_nothing_where_another_thread_closes_the_connection_at_that_moment(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closing:
        closed = False

        def seek(self, _: int) -> None:
            raise ValueError("I/O operation on closed file")

    machine.ssh("exit 255")
    connection = ssh.Connection("ssh://deploy@example.com")
    with monkeypatch.context() as during:
        during.setattr(connection, "_errors", Closing())
        assert connection.said() == ""
    connection.close()


def test_a_connection_is_shared_with_nobody_where_the_sockets_name_would_be_too_long(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "_LONGEST", 10)

    argv = machine.told("ssh://example.com")

    assert "ControlPath=none" in argv
    assert machine.prompted == []


def test_host_keys_are_checked_and_nobody_is_asked_for_a_password(machine: Machine) -> None:
    argv = machine.told("ssh://example.com")

    options = {argv[at + 1] for at, word in enumerate(argv) if word == "-o"}
    assert options >= {"StrictHostKeyChecking=yes", "BatchMode=yes", "ExitOnForwardFailure=yes", "ControlPersist=no"}


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
    script = "from tagship.server.tunnel import Tunnel; print(Tunnel('ssh://x').wait(), flush=True); input()"
    env = {**os.environ, "TMPDIR": str(machine.folder)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        assert run.stdout.readline().strip().endswith("docker.sock")
        assert machine.leftovers
        run.kill()

    assert eventually(lambda: machine.leftovers == [] and not _lives(machine.process))


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

    with pytest.raises(ConfigError, match=r"has no host|no valid port"):
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
        ("ssh: Could not resolve hostname example.com: no", "check the host name"),
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
