"""The table of steps that a user watches."""

import contextlib
import itertools

import pytest

from tagship.reporting.progress import Progress
from tagship.reporting.table import since, table


def test_a_step_that_ends_well_is_ticked_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()

    with progress.step("Pull 2 images"):
        assert capsys.readouterr().err == ""

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("✓")
    assert said.err.endswith("s  Pull 2 images\n")


def test_a_step_that_raises_is_crossed_and_its_error_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()

    with pytest.raises(KeyboardInterrupt), progress.step("Start web"):
        raise KeyboardInterrupt

    assert capsys.readouterr().err.startswith("✗")
    assert progress.steps == []


def test_quiet_says_nothing_and_still_counts(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)

    with progress.step("Pull"):
        progress.note("a note")

    assert capsys.readouterr() == ("", "")
    assert [text for text, _ in progress.steps] == ["Pull"]


def test_a_pipe_gets_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().step("Pull"):
        pass

    assert "\x1b" not in capsys.readouterr().err


def test_the_table_ends_with_the_time_that_went_by(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", itertools.count(100, 5).__next__)
    progress = Progress()
    with progress.step("Pull"):
        pass

    progress.total()

    assert capsys.readouterr().err.splitlines()[1:] == ["   15.00 s  in all", ""]


def test_the_table_of_a_task_that_failed_ends_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), Progress() as progress, progress.step("Pull"):
        raise ZeroDivisionError

    assert capsys.readouterr().err.endswith("in all\n\n")
    with pytest.raises(ZeroDivisionError), Progress():
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""


def test_columns_are_as_wide_as_their_widest_cell_and_lines_have_no_trailing_blanks() -> None:
    assert table([("a", "b", ""), ("ccc", "d", "")], ("x", "long", "y")) == (
        "x    long  y\n───  ────  ─\na    b\nccc  d"
    )


def test_a_table_of_nothing_is_nothing() -> None:
    assert table([]) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_a_time_is_said_in_the_unit_that_people_would_use(seconds: float, said: str) -> None:
    assert since(seconds) == said


def printed(progress: Progress, *, fails: bool) -> None:
    """A step whose program prints two lines."""
    with contextlib.suppress(ZeroDivisionError), progress.step("Build"), progress.output("Build") as tell:
        assert tell
        tell("one")
        tell("two")
        if fails:
            raise ZeroDivisionError


def test_what_a_program_printed_is_shown_when_its_step_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)

    printed(Progress(), fails=False)
    assert "one" not in capsys.readouterr().err

    printed(Progress(), fails=True)
    assert capsys.readouterr().err.splitlines()[1:] == ["  one", "  two"]


def test_in_ci_and_if_asked_it_is_shown_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    printed(Progress(verbose=True), fails=False)
    assert capsys.readouterr().err.splitlines()[:2] == ["  one", "  two"]

    monkeypatch.setenv("CI", "true")
    printed(Progress(), fails=True)
    assert [line[2:] for line in capsys.readouterr().err.splitlines()].count("one") == 1


def test_in_github_actions_it_is_a_group_in_which_nothing_is_a_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("TAGSHIP_ACTION_EVENTS", raising=False)

    printed(Progress(), fails=False)

    group, stopped, one, two, resumed, end, _ = capsys.readouterr().err.splitlines()
    assert (group, one, two, end) == ("::group::Build", "  one", "  two", "::endgroup::")
    assert stopped.removeprefix("::stop-commands::") == resumed.strip(":")


def test_who_asks_for_json_hears_nothing_of_it() -> None:
    progress = Progress(quiet=True)

    with progress.step("Build"), progress.output("Build") as tell:
        assert tell is None
