"""One door to other programs."""

import threading
from pathlib import Path

import pytest

from tagship.errors import BuildError, ToolError
from tagship.system import programs
from tagship.system.deadline import Deadline


def sh(script: str) -> list[str]:
    """An argv."""
    return ["sh", "-c", script]


def test_what_a_program_printed_is_caught() -> None:
    done = programs.run(sh("echo out; echo err >&2"))

    assert (done.out, done.err) == ("out\n", "err\n")


def test_a_program_gets_nothing_of_our_environment_but_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "s3cr3t")
    monkeypatch.setenv("https_proxy", "http://proxy")
    monkeypatch.setenv("HOME", "/somewhere")

    said = programs.run(["env"], env={"GIVEN": "a\nb"}).out

    assert "s3cr3t" not in said
    assert "https_proxy=http://proxy\n" in said
    assert "HOME=/somewhere\n" in said
    assert "GIVEN=a\nb\n" in said


def test_what_a_program_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")

    assert programs.environment({"HOME": "/else"})["HOME"] == "/else"


def test_secrets_go_by_stdin(tmp_path: Path) -> None:
    assert programs.run(["cat"], stdin="⟦s3cr3t⟧\n", cwd=tmp_path).out == "⟦s3cr3t⟧\n"
    assert programs.run(["pwd"], cwd=tmp_path).out == f"{tmp_path}\n"


def test_a_long_input_arrives_whole_although_the_program_reads_it_late_and_a_deadline_is_watched() -> None:
    until = Deadline()
    until.move(10)
    text = "0123456789abcdef" * 8192

    assert programs.run(sh("sleep 0.2; cat"), stdin=text, until=until).out == text


def test_a_failure_is_of_the_kind_wanted_and_says_the_last_lines() -> None:
    with pytest.raises(BuildError) as caught:
        programs.run(sh("seq 20 >&2; exit 3"), fails_as=BuildError)

    lines = caught.value.problem.splitlines()
    assert lines[0] == "sh: 9"
    assert [line.strip() for line in lines[1:]] == [str(number) for number in range(10, 21)]


def test_a_failure_that_wrote_no_error_shows_what_it_printed() -> None:
    with pytest.raises(ToolError, match="sh: on stdout"):
        programs.run(sh("echo on stdout; exit 1"))


def test_a_failure_does_not_show_what_the_program_was_told() -> None:
    with pytest.raises(ToolError) as caught:
        programs.run(sh("exit 1"), stdin="s3cr3t", env={"S": "s3cr3t"})

    assert "s3cr3t" not in f"{caught.value} {caught.value!r}"


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(ToolError, match="nothing-of-that-name is not installed"):
        programs.run(["nothing-of-that-name"], fails_as=BuildError)


@pytest.mark.parametrize(("mode", "said"), [(0o755, "Exec format error"), (0o644, "Permission denied")])
def test_a_program_that_is_none_is_named(tmp_path: Path, mode: int, said: str) -> None:
    program = tmp_path / "program"
    program.write_text("not a program")
    program.chmod(mode)

    with pytest.raises(ToolError, match=f"{program} can't be run: {said}"):
        programs.run([str(program)], fails_as=BuildError)


def test_output_may_be_of_any_bytes() -> None:
    assert programs.run(sh("printf '\\377'")).out == "\\xff"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without Docker's client; programs put into its folder are found."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def installed(path: Path, mode: int = 0o755) -> Path:
    """A program at that path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_a_plugin_is_run_itself_where_there_is_one(machine: Path) -> None:
    plugin = installed(machine / "cli-plugins" / "docker-ours")
    installed(machine / "docker")

    assert programs.docker_plugin("ours") == [str(plugin)]


def test_otherwise_docker_is_asked_to(machine: Path) -> None:
    installed(machine / "docker")
    installed(machine / "cli-plugins" / "docker-ours", mode=0o644)

    assert programs.docker_plugin("ours") == [str(machine / "docker"), "ours"]


def test_a_docker_without_the_plugin_is_no_help(machine: Path) -> None:
    installed(machine / "docker")
    (machine / "docker").write_text("#!/bin/sh\nexit 1\n")

    with pytest.raises(ToolError, match="ours plugin is not installed"):
        programs.docker_plugin("ours")


@pytest.mark.usefixtures("machine")
def test_a_machine_without_docker_is_told_what_to_install() -> None:
    with pytest.raises(ToolError, match="Docker's ours plugin is not installed") as caught:
        programs.docker_plugin("ours")

    assert caught.value.hint == "install docker-ours-plugin"


def test_at_its_deadline_a_program_is_killed_whatever_it_was_given() -> None:
    until = Deadline()
    until.move(0.05)

    with pytest.raises(BuildError, match="sh was not done in time"):
        programs.run(sh("cat >/dev/null; exec sleep 60"), stdin="text", fails_as=BuildError, until=until)


def test_a_deadline_may_be_brought_forward_while_a_program_runs() -> None:
    until = Deadline()
    threading.Timer(0.05, until.move, [0]).start()

    with pytest.raises(BuildError, match="not done in time"):
        programs.run(sh("exec sleep 60"), fails_as=BuildError, until=until)


def test_a_program_that_is_done_in_time_is_not_killed() -> None:
    until = Deadline()
    until.move(60)

    assert programs.run(sh("sleep 0.2; cat"), stdin="text", until=until).out == "text"


def test_a_program_that_was_killed_takes_nothing_of_what_the_next_one_says() -> None:
    until = Deadline()
    until.move(0.05)
    with pytest.raises(BuildError, match="not done in time"):
        programs.run(sh("cat >/dev/null; exec sleep 60"), stdin="text", fails_as=BuildError, until=until)
    until.move(60)

    assert programs.run(sh("sleep 0.1; echo text"), until=until).out == "text\n"


def test_a_program_with_a_deadline_gets_all_of_a_long_input() -> None:
    until = Deadline()
    until.move(60)

    assert programs.run(sh("sleep 0.2; wc -c"), stdin="x" * 300_000, until=until).out.strip() == "300000"
