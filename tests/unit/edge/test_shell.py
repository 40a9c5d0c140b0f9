"""A shell inside the edge's container, kept open for a whole deploy."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tagship.edge.shell import Shell, encoded, quote, replace_file
from tagship.engine.client import Engine
from tagship.engine.transport import Hijacked
from tagship.errors import ConnectionFailedError, EngineError
from tests.fakes.links import Link
from tests.fakes.servers import Server
from tests.fakes.shells import shell

ANYTHING = bytes(range(256)) + "'; rm -rf / #\n$(id) `id` \\ ⟦S⟧ üñí".encode()


@pytest.fixture
def sh(daemon: Server, engine: Engine, tmp_path: Path) -> Iterator[Shell]:
    """One in a folder of its own."""
    daemon.answers |= shell(tmp_path)
    opened = Shell(engine, "edge")
    yield opened
    opened.close()


def test_commands_are_answered_one_by_one_in_the_same_shell(sh: Shell) -> None:
    assert sh.run("x=1; echo one") == b"one\n"
    assert sh.run('printf "$x"') == b"1"
    assert sh.run("true") == b""


def test_an_answer_may_be_of_any_bytes_and_any_length(sh: Shell) -> None:
    many = ANYTHING * 1000  # several frames

    assert sh.run(encoded(ANYTHING)) == ANYTHING
    assert sh.run(encoded(many)) == many


def test_two_threads_that_use_it_at_once_get_their_own_answers(sh: Shell) -> None:
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda number: sh.run(f"sleep 0.01; echo {number}"), range(12)))

    assert said == [f"{number}\n".encode() for number in range(12)]


def test_a_command_that_fails_says_what_it_wrote_to_stderr(sh: Shell) -> None:
    with pytest.raises(EngineError, match="In the edge's container: no, never"):
        sh.run("echo out; echo no, never >&2; false")

    assert sh.run("echo still here") == b"still here\n"


def test_a_command_can_not_read_the_ones_after_it(sh: Shell) -> None:
    assert sh.run("cat") == b""
    assert sh.run("echo next") == b"next\n"


def test_a_shell_that_ended_says_so(sh: Shell) -> None:
    with pytest.raises(EngineError, match="The edge's shell ended: goodbye"):
        sh.run("echo goodbye >&2; exit 3")


def test_a_shell_that_was_cut_off_between_two_commands_is_opened_again(
    daemon: Server, engine: Engine, tmp_path: Path
) -> None:
    daemon.answers |= shell(tmp_path)
    sh = Shell(engine, "edge")
    assert sh.run("echo one") == b"one\n"
    with pytest.raises(EngineError):
        sh.run("exit 0")  # as an edge that is restarted ends it

    assert sh.run("echo two") == b"two\n"
    sh.close()


def test_a_shell_ends_by_itself_on_the_server_and_is_replaced_long_before(
    daemon: Server, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers |= shell(tmp_path)
    now = [1000.0]
    monkeypatch.setattr("tagship.edge.shell.time.monotonic", lambda: now[0])
    sh = Shell(engine, "edge")
    now[0] += 59
    assert sh.run("x=1; echo one") == b"one\n"
    assert len(daemon.asked("POST /containers/edge/exec")) == 1

    now[0] += 2
    assert sh.run('echo "${x:-another}"') == b"another\n"
    sh.close()

    assert {request.json()["Cmd"][0] for request in daemon.asked("POST /containers/edge/exec")} == {"timeout"}


def test_a_shell_that_was_cut_off_in_a_command_is_a_lost_connection(daemon: Server, tmp_path: Path) -> None:
    engine = Engine(tmp_path / "docker.sock", Link(tmp_path / "docker.sock"))
    daemon.answers |= shell(tmp_path)
    sh = Shell(engine, "edge")

    with pytest.raises(ConnectionFailedError, match="was cut"):
        sh.run("exit 0")  # as far as can be seen from here

    sh.close()
    engine.close()


def test_a_shell_that_can_not_be_written_to_is_a_lost_connection(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Hijacked, __: bytes) -> None:
        raise BrokenPipeError("Broken pipe")

    monkeypatch.setattr(Hijacked, "write", broken)

    with pytest.raises(ConnectionFailedError, match="Broken pipe"):
        sh.run("true")


def test_a_file_is_replaced_in_one_step_whatever_is_in_it(sh: Shell, tmp_path: Path) -> None:
    name = "it's $HOME; ⟦x⟧"
    (tmp_path / name).write_text("old")

    sh.run(replace_file(name, ANYTHING))

    assert (tmp_path / name).read_bytes() == ANYTHING
    assert not (tmp_path / f"{name}.new").exists()


def test_two_shells_that_replace_a_shared_file_at_once_do_not_take_each_others_new_one(tmp_path: Path) -> None:
    late = 'mv() { while [ ! -e go ]; do sleep 0.01; done; command mv "$@"; }; touch ready'
    script = replace_file("connection", b"close", shared=True)
    one = subprocess.Popen(["/bin/sh", "-c", f"{late}; {script}"], cwd=tmp_path)
    while not (tmp_path / "ready").exists() or len(list(tmp_path.glob("connection.*"))) < 1:
        time.sleep(0.01)

    subprocess.run(["/bin/sh", "-c", replace_file("connection", b"keep-alive", shared=True)], cwd=tmp_path, check=True)
    (tmp_path / "go").touch()

    assert one.wait(10) == 0
    assert [path.name for path in tmp_path.glob("connection*")] == ["connection"]
    assert (tmp_path / "connection").read_bytes() == b"close"


def test_a_file_that_can_not_be_written_is_not_replaced(sh: Shell, tmp_path: Path) -> None:
    (tmp_path / "live").write_text("old")
    (tmp_path / "live.new").mkdir()

    with pytest.raises(EngineError):
        sh.run(replace_file("live", b"new"))

    assert (tmp_path / "live").read_text() == "old"


@pytest.mark.parametrize("name", ["a b", "$(id)", "'", "-rf", "a;b", "*"])
def test_a_name_is_one_word(sh: Shell, name: str) -> None:
    assert sh.run(f"printf %s {quote(name)}") == name.encode()
