"""What the faults' judge says of a command, of the next deploy, and of the load: it must find what is out of order."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import case as cases
from tests.faults import invariants
from tests.faults.case import Case, Result, Runner, outage
from tests.faults.kinds import KINDS
from tests.faults.points import Ended, Point
from tests.faults.site import COMMANDS, Command, Site

AT = Point("Record", "before")
WELL = Ended(0, "", "", 1.0, [AT])


class OneSite:
    """A site of which everything is in order, unless a test changes it."""

    def __init__(self) -> None:
        self.ended = WELL
        self.next = Ended(0, "nothing to do", "", 1.0)
        self.requests: list[tuple[int, list[str]]] = []
        self.wrong: list[str] = []
        self.load: object = True
        self.freed = 0
        self.wanted = self.deployer = None
        self.temporary: Any = SimpleNamespace(iterdir=lambda: iter(()))

    def live(self) -> str:
        """The release before."""
        return "old"

    def start(self, *_: str, asks: bool) -> Any:  # noqa: ANN401 - a command
        """A command that comes to its end."""
        assert asks

        def go(_at: Point, fault: Callable[[], Iterator[None]]) -> Ended:
            for _step in fault():
                pass
            return self.ended

        return SimpleNamespace(go=go, signal=lambda _: None, wait=lambda _: True)

    def run(self, *_: str) -> Ended:
        """The next deploy."""
        return self.next

    def free_lock(self, *, by_person: bool) -> None:  # noqa: ARG002 - either way
        """Somebody frees it."""
        self.freed += 1

    def asked(self) -> tuple[int, list[str]]:
        """What the load saw since the last look."""
        return self.requests.pop(0) if self.requests else (5, [])

    def violations(self) -> list[str]:
        """What is out of order in the end."""
        return self.wrong

    def nothing(self) -> None:
        """Nothing to start, stop or remove."""

    start_load = stop_load = empty = settle = nothing


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> OneSite:
    """It runs one release, which answers and is recorded, and has no lock."""
    monkeypatch.setattr(cases, "releases", lambda _: ["new"])
    monkeypatch.setattr(cases, "locks", lambda _: [])
    monkeypatch.setattr(cases, "brought", lambda *_: [])
    monkeypatch.setitem(COMMANDS, "deploy", Command("deploy", ("ship",), lambda _: None))
    return OneSite()


def tried(site: OneSite) -> Result:
    """A case on it."""
    any_site: Any = site
    return Runner(any_site).run(Case("SIGINT", "deploy", AT, 1))


def problems(site: OneSite) -> list[str]:
    """What the judge finds."""
    return tried(site).problems


def test_nothing_is_found_where_everything_is_in_order(site: OneSite) -> None:
    assert problems(site) == []


def test_a_point_to_which_the_command_never_came_is_found(site: OneSite) -> None:
    site.ended = Ended(0, "", "", 1.0, [])

    assert problems(site)[0] == "it never came to before 'Record'"


@pytest.mark.parametrize(("code", "stays"), [(-9, ["tagship-run-b"]), (130, ["tagship-run-a", "tagship-run-b"])])
def test_only_a_killed_command_may_leave_a_folder_that_it_was_just_making(
    site: OneSite, tmp_path: Path, code: int, stays: list[str]
) -> None:
    for name in ("tagship-run-a", "tagship-run-b"):
        (tmp_path / name).mkdir()
    (tmp_path / "tagship-run-b" / ".lock").touch()
    site.temporary = tmp_path
    site.ended = Ended(code, "", "", 1.0, [AT])

    problems(site)

    assert sorted(path.name for path in tmp_path.iterdir()) == stays


def test_what_fails_while_a_site_is_brought_into_order_is_no_later_cases(site: OneSite) -> None:
    site.ended = Ended(1, "", "", 1.0, [AT])
    site.requests = [(5, []), (5, ["10:00:00 GET /"]), (5, ["10:00:09 GET /"])]
    assert problems(site)[0] == "it ended with 1"

    site.ended = Ended(0, "", "", 1.0, [AT])
    assert problems(site) == []


@pytest.mark.parametrize(
    ("ended", "found"),
    [
        (Ended(1, "", "", 1.0, [AT]), "it ended with 1"),
        (Ended(12, "", "Traceback (most recent call last)", 1.0, [AT]), "it showed a traceback"),
    ],
)
def test_an_end_that_is_not_documented_is_found(site: OneSite, ended: Ended, found: str) -> None:
    site.ended = ended

    assert problems(site)[0] == found


@pytest.mark.parametrize("code", [0, 12])
def test_two_releases_are_found_unless_the_command_said_so(
    site: OneSite, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    two = iter([["old", "new"], ["old", "new"], ["new"], ["new"]])
    monkeypatch.setattr(cases, "releases", lambda _: next(two, ["new"]))
    site.ended = Ended(code, "", "", 1.0, [AT])

    assert problems(site)[0].startswith("two releases run after it")

    site.ended = Ended(code, "", "  hint: old is left. The next deploy will remove it", 1.0, [AT])
    assert problems(site) == []


def test_a_deploy_that_ended_well_without_having_brought_its_release_is_found(
    site: OneSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "brought", lambda *_: ["it ended with 0, but the ledger proves []"])

    assert problems(site)[0] == "it ended with 0, but the ledger proves []"


def test_a_lock_that_is_left_without_a_word_is_found_and_freed(site: OneSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "locks", lambda _: ["lock"])

    assert problems(site)[0] == "a lock is left"
    assert site.freed == 1


def test_a_next_deploy_that_fails_is_found(site: OneSite) -> None:
    site.next = Ended(14, "", "no", 1.0)

    assert problems(site)[0] == "the next deploy ended with 14:\nno"


def test_requests_that_failed_in_the_case_or_before_it_are_found(site: OneSite) -> None:
    site.requests = [(3, ["12:00:00 GET /"]), (9, ["12:00:01 GET /", "12:00:04 GET /"])]

    before, within, *_ = problems(site)

    assert before.startswith("1 requests had failed before it")
    assert within.startswith("2 requests failed")


def test_requests_that_fail_where_no_release_can_serve_are_counted(
    site: OneSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = dataclasses.replace(KINDS["SIGINT"], serves=False)
    monkeypatch.setitem(KINDS, "SIGINT", down)
    site.requests = [(3, []), (9, ["12:00:01 GET /", "12:00:04 GET /"])]

    result = tried(site)

    assert (result.problems, result.failed, result.requests, result.outage) == ([], 2, 9, 3)


def test_the_outage_is_the_time_from_the_first_failure_to_the_last() -> None:
    assert outage([]) == 0
    assert outage(["23:59:58 GET /", "00:00:03 GET /"]) == 5


def test_what_a_load_saw_between_two_looks_or_after_its_end_is_counted_once() -> None:
    site = Site.__new__(Site)
    seen = [{"requests": 4, "failures": ["a"]}, {"requests": 9, "failures": ["a", "b"]}]
    any_load: Any = SimpleNamespace(look=lambda: seen[0], stop=lambda: seen[1])
    site._taken, site._rest, site.load = (0, 0), (0, []), any_load  # noqa: SLF001 - its beginning

    assert site.asked() == (4, ["a"])
    site.stop_load()
    assert site.asked() == (5, ["b"])
    assert site.asked() == (0, [])


def test_before_a_first_deploy_has_made_the_edge_there_is_no_shell_in_it() -> None:
    def docker(*words: str) -> str:
        assert words[0] == "ps"  # anything about a container that isn't there would fail
        return ""

    wanted: Any = SimpleNamespace(host=SimpleNamespace(docker=docker))

    assert invariants.shells(wanted) == []
