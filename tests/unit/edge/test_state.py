"""An environment's files in the edge's volume, read and replaced by a real `sh`."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tagship.edge import canary, routes
from tagship.edge.shell import Shell
from tagship.edge.state import ACCEPTED, REJECTED, WAITS, State
from tagship.engine.client import Engine
from tagship.errors import TagshipError
from tagship.proof import ledger
from tagship.proof.ledger import Entry
from tagship.server.target import LockedServer
from tests.fakes.builders import PLACE
from tests.fakes.servers import Server
from tests.fakes.shells import shell


@pytest.fixture
def state(daemon: Server, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """One in a folder of its own."""
    daemon.answers |= shell(tmp_path)
    monkeypatch.setattr(routes, "STATE", str(tmp_path))
    (tmp_path / str(PLACE)).mkdir()
    opened = State(Shell(engine, "edge"), PLACE)
    yield opened
    opened.close()


def test_a_renewed_pool_has_another_name_than_before_which_is_absolute_or_not(state: State, tmp_path: Path) -> None:
    found = []
    for _ in range(3):
        state.renew()
        found.append((tmp_path / str(PLACE) / routes.POOL).read_text())

    assert found == [".", "", "."]


def test_a_line_is_appended_only_after_the_one_it_follows(state: State) -> None:
    assert state.append('{"first": "\'a b\' $HOME"}', "") is None

    assert state.append("second", "") == '{"first": "\'a b\' $HOME"}'
    assert state.append("second", '{"first": "\'a b\' $HOME"}') is None

    assert state.lines() == ('{"first": "\'a b\' $HOME"}', "second")


def test_a_truncated_last_line_is_ended_before_another_follows(state: State, tmp_path: Path) -> None:
    (tmp_path / str(PLACE) / "ledger.jsonl").write_text("first\nsec")

    assert state.append("third", "sec") is None

    assert state.lines() == ("first", "sec", "third")


@pytest.mark.parametrize("torn", [b'{"by": "another"}\n', b"\xff\n", b'{"by": "\xff'])
def test_what_is_recorded_follows_what_somebody_else_wrote_meanwhile(state: State, tmp_path: Path, torn: bytes) -> None:
    ours = SimpleNamespace(edge=state, _last="")
    entry = Entry("2026-01-01T00:00:00", "deploy", ledger.GOOD, "shop-staging-aaaaaaaa-bbbbbb", "a" * 40)
    LockedServer.record(ours, entry)  # type: ignore[arg-type]
    with (tmp_path / str(PLACE) / "ledger.jsonl").open("ab") as file:
        file.write(torn)

    LockedServer.record(ours, entry)  # type: ignore[arg-type]
    LockedServer.record(ours, entry)  # type: ignore[arg-type]

    broken = list(ledger.breaks(state.lines()))
    assert len(state.lines()) == 4
    assert all(problem.startswith("Line 2 ") for problem in broken)


def test_what_a_power_cut_left_half_written_is_removed_a_minute_later(state: State, tmp_path: Path) -> None:
    folder = tmp_path / str(PLACE)
    (folder / "releases").mkdir()
    (folder / "assets" / "v1").mkdir(parents=True)
    old, record, assets = folder / "canary.new", folder / "releases" / "a.json.new", folder / "assets" / "v1" / "a.new"
    fresh = folder / "maintenance.new"  # somebody may be writing it
    for each in (old, record, assets, fresh):
        each.touch()
    for each in (old, record, assets):
        os.utime(each, (time.time() - 150, time.time() - 150))

    state.read(prepare=True)

    assert [each.exists() for each in (old, record, assets, fresh)] == [False, False, True, True]


def test_neighbours_are_found_by_the_beginning_of_their_names(state: State, tmp_path: Path) -> None:
    for name in ("shop-pr1", "shop-pr22", "shop2-pr3"):
        (tmp_path / name).mkdir()
    (tmp_path / "shop-pr1" / "live").write_text("shop-pr1-aaaaaaaa-bbbbbb")
    (tmp_path / "shop-pr1" / "ledger.jsonl").write_text("{}\n{}\n")
    (tmp_path / "shop-pr1" / "preview").touch()

    found = state.neighbours("shop-pr")

    assert [(name, live, ours, lines) for name, _, live, ours, lines in found] == [
        ("shop-pr1", "shop-pr1-aaaaaaaa-bbbbbb", True, ("{}", "{}")),
        ("shop-pr22", "", False, ()),
    ]
    assert all(at == (tmp_path / name).stat().st_mtime // 1 for name, at, *_ in found)
    assert state.neighbours("none") == []


def test_an_environment_is_a_preview_s_once_it_is_marked(state: State) -> None:
    assert [ours for *_, ours, _ in state.neighbours(str(PLACE))] == [False]

    state.mark_preview()

    assert [ours for *_, ours, _ in state.neighbours(str(PLACE))] == [True]


def test_a_candidate_waits_until_it_is_decided_once(state: State) -> None:
    assert state.waiting() == ("", "")
    assert not state.decide(ACCEPTED)

    state.offer("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    state.hold()

    assert state.waiting() == ("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    assert state.decision() == WAITS
    assert state.decide(REJECTED)
    assert not state.decide(ACCEPTED)
    assert state.decision() == REJECTED
    assert state.waiting() == ("", "")


def test_a_canary_waits_too_lasts_a_while_and_ends_with_the_cutover(state: State, tmp_path: Path) -> None:
    folder = tmp_path / str(PLACE)
    state.offer("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    before = int(time.time())

    state.begin_canary("cafe", 10)

    assert [(folder / name).read_text() for name in ("canary", "canary-share")] == ["cafe", "199a"]
    assert before + canary.LASTS - 1 <= int((folder / "canary-until").read_text()) <= int(time.time()) + canary.LASTS
    assert state.waiting() == ("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    assert state.renew_canary() == WAITS
    assert state.decide(REJECTED)
    assert state.renew_canary() == REJECTED
    state.switch("shop-staging-cccccccc-dddddd")
    state.end_canary()
    assert (folder / "canary").read_text() == "off"
    assert (folder / "candidate").read_text() == "shop-staging-cccccccc-dddddd", "for those who wait"
    assert state.end_hold("another") == REJECTED
    assert not state.renew_canary()
    state.begin_canary("babe", 10)
    state.switch("shop-staging-aaaaaaaa-bbbbbb")
    assert [(folder / name).read_text() for name in ("live", "canary")] == ["shop-staging-aaaaaaaa-bbbbbb", "off"]


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("live", lambda state: state.switch("shop-staging-cccccccc-dddddd")),
        ("canary-share", lambda state: state.begin_canary("cafe", 10)),
        ("canary-until", lambda state: state.renew_canary()),
        ("canary", lambda state: state.end_canary()),
    ],
)
def test_what_cannot_be_written_is_an_error_and_no_switch_or_share(
    state: State, tmp_path: Path, name: str, deed: Callable[[State], object]
) -> None:
    state.offer("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    (tmp_path / str(PLACE) / f"{name}.new").mkdir()

    with pytest.raises(TagshipError):
        deed(state)


def test_a_canary_is_read_with_everything_else_and_has_ended_by_itself_if_nobody_renewed_it(
    state: State, tmp_path: Path
) -> None:
    assert state.read(prepare=True).canary == ()
    state.offer("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    state.begin_canary("cafe", 10)

    assert state.read().canary == ("shop-staging-aaaaaaaa-bbbbbb", "199a", "on")
    (tmp_path / str(PLACE) / "canary-until").write_text(f"{time.time() - 1:.0f}")
    assert state.read().canary == ("shop-staging-aaaaaaaa-bbbbbb", "199a")
    (tmp_path / str(PLACE) / "canary-until").unlink()
    assert state.read().canary == ("shop-staging-aaaaaaaa-bbbbbb", "199a")
    state.end_canary()
    assert state.read().canary == ()


def test_a_decision_that_comes_after_the_last_look_is_obeyed(state: State, tmp_path: Path) -> None:
    state.offer("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    state.hold()
    assert state.decision() == WAITS
    assert state.decide(ACCEPTED)

    assert state.end_hold("another") == ACCEPTED
    assert not [path for path in (tmp_path / str(PLACE)).iterdir() if path.name.startswith("hold")]


def test_after_a_hold_the_key_is_another_and_a_new_candidate_waits_for_nobody(state: State, tmp_path: Path) -> None:
    state.offer("shop-staging-aaaaaaaa-bbbbbb", "the-key")
    state.hold()
    assert state.end_hold("another") == WAITS

    assert (tmp_path / str(PLACE) / "key").read_text() == "another"
    assert not state.decision()
    state.hold()  # as a deploy that was killed leaves it
    state.offer("shop-staging-cccccccc-dddddd", "a-third")
    assert state.waiting() == ("", "")
