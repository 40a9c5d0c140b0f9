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
    environment = SimpleNamespace(
        observe=lambda: SimpleNamespace(live=live, history=()),
        edge=SimpleNamespace(forget=lambda: forgotten.append("pr12")),
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

    assert len(forgotten) == left


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
