"""`preview.*`, as far as they go without a server."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tagship.commands import previewing
from tagship.commands.orders import RunOptions
from tagship.deploy.previews import Preview
from tagship.names import Place
from tagship.project.preview_settings import PreviewSettings
from tagship.proof.ledger import Entry
from tagship.reporting.progress import Progress
from tagship.server import previews
from tests.fakes.builders import entry, rendered
from tests.unit.commands.conftest import CONFIG, Reach, Run

PREVIEWS = 'previews: {like: staging, url: "http://pr-{number}.example.com", ttl: 1d, most: 2}\n'
NEW = rendered("a")


@pytest.fixture
def previewed(app: Path, reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app with one preview that is old, and one that never went live."""
    (app / "tagship.yml").write_text(CONFIG + PREVIEWS)
    there = [Preview(3, 0, NEW.name, (entry(NEW),)), Preview(12, reach.engine.now())]
    monkeypatch.setattr(previews, "observe", lambda _: there)


@pytest.mark.parametrize("number", ["0", "012", "x", "-1", "1.5", "1000000000", "²"])
def test_what_is_no_number_of_a_pull_request_is_refused(run: Run, app: Path, number: str) -> None:
    (app / "tagship.yml").write_text(CONFIG + PREVIEWS)

    ran = run("preview.down", f"--number={number}")

    assert ran.code == 64
    assert "is no pull request's number" in ran.err


@pytest.mark.usefixtures("app")
def test_without_previews_in_the_file_it_says_what_to_add(run: Run) -> None:
    ran = run("preview.list")

    assert ran.code == 2
    assert "tagship.yml has no `previews`" in ran.err


def test_a_preview_without_a_number_says_what_lacks(run: Run) -> None:
    ran = run("preview.up")

    assert ran.code == 64
    assert "preview.up needs NUMBER" in ran.err


@pytest.mark.parametrize(("live", "left"), [("", 1), (NEW.name, 0)], ids=["nobody", "another one"])
def test_a_place_is_freed_after_a_failure_unless_another_has_gone_live_there_meanwhile(
    monkeypatch: pytest.MonkeyPatch, live: str, left: int
) -> None:
    forgotten: list[str] = []
    marked: list[str] = []
    environment = SimpleNamespace(
        observe=lambda: SimpleNamespace(live=live, history=()),
        edge=SimpleNamespace(forget=lambda: forgotten.append("pr12"), mark_preview=lambda: marked.append("pr12")),
    )
    session: Any = SimpleNamespace(
        place=Place("shop", "pr12"), engine=None, locked=lambda *_, **__: nullcontext(environment)
    )
    for name, stand_in in (("Lease", lambda *_, **__: nullcontext()), ("prune", lambda *_, **__: [])):
        monkeypatch.setattr(previewing, name, stand_in)
    monkeypatch.setattr(previews, "observe", lambda _: [])
    kept, how = PreviewSettings(like="staging", url="http://pr-{number}.example.com"), RunOptions(Progress(quiet=True))

    with pytest.raises(ZeroDivisionError), previewing.admitted(session, kept, how):
        raise ZeroDivisionError

    assert (len(marked), len(forgotten)) == (1, left)


@pytest.mark.usefixtures("previewed")
def test_the_list_says_how_each_is_and_when_it_expires(run: Run) -> None:
    shown = run("preview.list").out.splitlines()
    rows = json.loads(run("preview.list", "--json").out)

    assert shown[0].split() == ["preview", "commit", "state", "deployed", "expires", "url"]
    assert shown[2].startswith("pr3")
    assert "now" in shown[2]
    assert [(row["number"], row["state"], row["url"]) for row in rows] == [
        (3, "live", "http://pr-3.example.com"),
        (12, "starting", "http://pr-12.example.com"),
    ]
    assert rows[0]["expires"] == "2026-01-02T00:00:00+00:00"


@pytest.mark.usefixtures("previewed")
def test_a_dry_prune_names_only_what_has_expired(run: Run) -> None:
    assert json.loads(run("preview.prune", "--dry-run", "--json").out) == {"removed": [3], "dry_run": True}


@pytest.mark.parametrize("task", ["deploy", "ship", "migrate", "accessories.up", "accessories.recreate", "adopt"])
def test_only_preview_up_brings_a_preview_anything_new(run: Run, app: Path, task: str) -> None:
    (app / "tagship.yml").write_text(CONFIG + PREVIEWS)

    ran = run(task, "--env", "pr12")

    assert ran.code == 2
    assert "pr12 is a preview: only preview.up" in ran.err
    assert "run `tagship preview.up 12`" in ran.err


@pytest.mark.usefixtures("app", "reach")
def test_what_no_preview_up_has_made_stays_and_a_note_says_so(
    run: Run, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (app / "tagship.yml").write_text(CONFIG + PREVIEWS)
    monkeypatch.setattr(previews, "observe", lambda _: [Preview(3, 0, NEW.name, (entry(NEW),), marked=False)])

    ran = run("preview.prune")

    assert "No preview has expired." in ran.out
    assert "pr3 stays: no preview.up made it" in ran.err


def test_of_two_at_once_one_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[Place] = []
    seeded: list[str] = []
    session: Any = SimpleNamespace(place=Place("shop", "pr12"), engine=None)

    def lease(_engine: object, place: Place, _holder: object, **_: object) -> nullcontext[None]:
        turns.append(place)  # waits for the other one, which has seeded then
        return nullcontext()

    monkeypatch.setattr(previewing, "Lease", lease)
    seed = Entry("2026-01-01", "seed", "ok", NEW.name, "")
    monkeypatch.setattr(previewing, "_own", lambda _: Preview(12, 0, "", (seed,) if seeded else ()))
    monkeypatch.setattr(previewing, "_seed", lambda *_: seeded.append("pr12"))
    kept, how = PreviewSettings(like="staging", url="http://pr-{number}.example.com"), RunOptions(Progress(quiet=True))

    for _ in range(2):
        previewing._seed_once(session, kept, how)  # noqa: SLF001 - what bring_up does last

    assert (seeded, turns) == (["pr12"], [Place("shop", "pr12-seed")] * 2)
