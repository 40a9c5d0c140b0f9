"""A release's assets, copied out of its container."""

import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.edge import routes
from tagship.edge.shell import Shell
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.errors import ConnectionFailedError, RolloutError
from tagship.release.model import Route
from tagship.server import assets
from tests.fakes.builders import PLACE
from tests.fakes.servers import Answer, Request, Server
from tests.fakes.shells import shell

OLD, NEW, GONE = (f"shop-staging-{letter * 8}-c0ffee" for letter in "abc")
KEPT = [f"{NEW}/static/{name}.js" for name in ("app", "same", "twice")]
ROUTE = Route("/static/*", "web", 80, assets="/srv/assets")
WEB = {
    "Id": "web1",
    "Names": [f"/{NEW}-web-1"],
    "Labels": {"com.docker.compose.project": NEW, "com.docker.compose.service": "web"},
    "State": "running",
    "Status": "Up",
    "Created": 1,
    "Image": "web",
    "NetworkSettings": {"Networks": {}},
    "Mounts": [],
    "Ports": [],
}


def archive(**files: str) -> bytes:
    """What the engine gives: the folder, its files, a page, a second name of the last file, and a link out of it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        folder = tarfile.TarInfo("assets")
        folder.type = tarfile.DIRTYPE
        link = tarfile.TarInfo("assets/link.js")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../shop-production/key"
        for entry in (folder, link):
            tar.addfile(entry)
        for name, text in files.items():
            entry = tarfile.TarInfo(f"assets/{name}.js")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        page, second = tarfile.TarInfo("assets/help.html"), tarfile.TarInfo("assets/twice.js")
        second.type, second.linkname = tarfile.LNKTYPE, f"assets/{next(reversed(files), '')}.js"
        for entry in (page, *([second] if files else [])):
            tar.addfile(entry)
    return packed.getvalue()


@pytest.fixture
def edge(daemon: Server, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    """One whose volume is a folder of this machine."""

    def unpack(request: Request) -> Answer:
        with tarfile.open(fileobj=io.BytesIO(request.body)) as tar:
            tar.extractall(request.query["path"], filter="data")
        return Answer()

    monkeypatch.setattr(routes, "STATE", str(tmp_path))
    daemon.answers |= shell(tmp_path)
    daemon.answers |= {
        "GET /containers/json": Answer(body=[WEB]),
        "GET /containers/web1/archive": Answer(body=archive(app="new", same="same")),
        "PUT /containers/tagship-edge/archive": unpack,
    }
    opened = Edge(Shell(engine, "edge"), PLACE)
    yield opened
    opened.close()


def stored(folder: Path) -> list[str]:
    """The files of all releases."""
    kept = folder / str(PLACE) / "assets"
    return sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file())


def test_only_files_that_are_no_pages_are_kept_by_the_paths_of_their_urls(
    engine: Engine, edge: Edge, tmp_path: Path
) -> None:
    assets.keep(engine, edge, NEW, "", [ROUTE])

    assert stored(tmp_path) == KEPT
    assert (tmp_path / str(PLACE) / "assets" / KEPT[-1]).read_text() == "same"


def test_what_a_killed_deploy_left_half_copied_is_copied_again(engine: Engine, edge: Edge, tmp_path: Path) -> None:
    half = tmp_path / str(PLACE) / "assets" / f"{NEW}.part" / "static"
    half.mkdir(parents=True)
    (half / "app.js").write_text("ne")

    assets.keep(engine, edge, NEW, "", [ROUTE])

    assert stored(tmp_path) == KEPT


def test_a_release_that_comes_back_is_not_copied_again(
    engine: Engine, edge: Edge, daemon: Server, tmp_path: Path
) -> None:
    assets.keep(engine, edge, NEW, "", [ROUTE])
    del daemon.answers["GET /containers/web1/archive"]

    assets.keep(engine, edge, NEW, OLD, [ROUTE])

    assert stored(tmp_path) == KEPT


def test_what_was_replaced_a_week_ago_goes_and_what_is_replaced_now_stays(
    engine: Engine, edge: Edge, tmp_path: Path
) -> None:
    before = time.time() - 7 * 86400 - 60
    for release in (OLD, GONE):
        folder = tmp_path / str(PLACE) / "assets" / release
        (folder / "static").mkdir(parents=True)
        (folder / "static" / "app.js").write_text("old")
        os.utime(folder, (before, before))

    assets.keep(engine, edge, NEW, OLD, [ROUTE])

    assert stored(tmp_path) == [f"{OLD}/static/app.js", *KEPT]


def test_a_folder_that_the_image_lacks_is_named(engine: Engine, edge: Edge, daemon: Server) -> None:
    daemon.answers["GET /containers/web1/archive"] = Answer(404, {"message": "no such path"})

    with pytest.raises(RolloutError, match="There is no web:/srv/assets in the image"):
        assets.keep(engine, edge, NEW, "", [ROUTE])


def test_a_folder_without_files_is_no_folder_of_assets(engine: Engine, edge: Edge, daemon: Server) -> None:
    daemon.answers["GET /containers/web1/archive"] = Answer(body=archive())

    with pytest.raises(RolloutError, match="web:/srv/assets has no files to keep"):
        assets.keep(engine, edge, NEW, "", [ROUTE])


def test_a_copy_that_is_cut_off_is_a_broken_connection(
    engine: Engine, edge: Edge, daemon: Server, tmp_path: Path
) -> None:
    daemon.answers["GET /containers/web1/archive"] = Answer(body=archive(app="new")[:1700])

    with pytest.raises(ConnectionFailedError):
        assets.keep(engine, edge, NEW, "", [ROUTE])

    assert stored(tmp_path) == []


def test_a_folder_that_is_too_large_is_refused(
    engine: Engine, edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "LARGEST", 6)

    with pytest.raises(RolloutError, match="web:/srv/assets has more than"):
        assets.keep(engine, edge, NEW, "", [ROUTE])

    assert stored(tmp_path) == []
