"""What is uploaded to Sentry is what the image serves, and nothing an image holds can be written elsewhere."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tagship.engine.client import Engine
from tagship.errors import EngineError, SentryError
from tagship.project.sentry_settings import SourceMaps
from tagship.sentry import source_maps
from tagship.system.deadline import Deadline
from tests.fakes.builders import nobody
from tests.fakes.servers import Answer, Request, Server

ID, OTHER = "0b3c9a52-5a0e-4d5b-9a4e-0c2f6d0f1a11", "11111111-5a0e-4d5b-9a4e-0c2f6d0f1a11"
IMAGE = f"registry.example/shop/frontend@sha256:{'a' * 64}"
SETTINGS = SourceMaps.model_validate({"service": "frontend", "served": "/srv", "maps": "/maps"})


def bundle(debug_id: str = ID) -> str:
    return f"console.log(1)\n//# debugId={debug_id}\n"


def source_map(debug_id: str = ID) -> str:
    return json.dumps({"version": 3, "sources": ["a.ts"], "mappings": "", "debug_id": debug_id})


def tar(files: Mapping[str, str], links: Mapping[str, str] | None = None) -> bytes:
    """As an engine gives a folder: its own name first."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return made.getvalue()


@pytest.fixture
def image(daemon: Server) -> Server:
    """An engine that has the image, with one good bundle."""
    folders = {
        "/srv": tar({"srv/index.html": "<p>", "srv/assets/app.js": bundle()}),
        "/maps": tar({"maps/assets/app.js.map": source_map()}),
    }

    def archive(request: Request) -> Answer:
        found = folders.get(request.query["path"])
        return Answer(body=found) if found else Answer(404, {"message": "Could not find the file"})

    daemon.answers |= {
        "GET /containers/json": Answer(body=[]),
        "GET /images/json": Answer(body=[{"Id": "sha256:1", "RepoDigests": [IMAGE]}]),
        "POST /containers/create": Answer(201, {"Id": "c1"}),
        "GET /containers/c1/archive": archive,
        "DELETE /containers/c1": Answer(204),
    }
    daemon.folders = folders  # type: ignore[attr-defined]
    return daemon


def put(image: Server, folder: str, archive: bytes) -> None:
    image.folders[folder] = archive  # type: ignore[attr-defined]


def test_bundles_and_their_maps_are_copied_and_the_container_never_starts(
    image: Server, engine: Engine, tmp_path: Path
) -> None:
    assert source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", nobody) == ()

    copied = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert copied == ["maps/assets/app.js.map", "served/assets/app.js"]
    assert image.asked("DELETE /containers/c1")
    assert not image.asked("POST /containers/c1/start")
    assert not image.asked("POST /images/create")


def test_an_image_that_is_not_there_yet_is_pulled_by_digest(image: Server, engine: Engine, tmp_path: Path) -> None:
    image.answers["GET /images/json"] = Answer(body=[])
    image.answers["POST /images/create"] = Answer(lines=[{"status": "Pulling"}])

    source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", lambda _: {"username": "u"})

    assert image.asked("POST /images/create")[0].query["tag"] == f"sha256:{'a' * 64}"


def test_an_image_of_a_local_engine_is_named_by_id(image: Server, engine: Engine, tmp_path: Path) -> None:
    source_maps.fetch(engine, "sha256:1", SETTINGS, tmp_path / "out", nobody)

    assert image.asked("POST /containers/create")[0].json()["Image"] == "sha256:1"


def test_a_folder_that_the_image_lacks_is_named(image: Server, engine: Engine, tmp_path: Path) -> None:
    wanted = SETTINGS.model_copy(update={"maps": "/nowhere"})

    with pytest.raises(SentryError, match="The image has no /nowhere"):
        source_maps.fetch(engine, IMAGE, wanted, tmp_path / "out", nobody)

    assert image.asked("DELETE /containers/c1")


def test_another_refusal_of_the_engine_stays_what_it_is(image: Server, engine: Engine, tmp_path: Path) -> None:
    image.answers["GET /containers/c1/archive"] = Answer(500, {"message": "no space"})

    with pytest.raises(EngineError, match="no space"):
        source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", nobody)


@pytest.mark.parametrize(
    "files",
    [{"srv/app.js": "console.log(1)\n"}, {"srv/app.js": bundle(OTHER)}, {"srv/index.html": "<p>"}],
    ids=["no id", "another id", "no bundle"],
)
def test_bundles_without_a_map_of_the_same_debug_id_are_refused(
    image: Server, engine: Engine, tmp_path: Path, files: dict[str, str]
) -> None:
    put(image, "/srv", tar(files))

    with pytest.raises(SentryError, match="No bundle in /srv has a source map in /maps"):
        source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", nobody)


def test_a_map_left_in_what_is_served_and_a_bundle_without_one_are_remarks(
    image: Server, engine: Engine, tmp_path: Path
) -> None:
    files = {"srv/app.js": bundle(), "srv/more.js": bundle(OTHER), "srv/app.js.map": source_map()}
    put(image, "/srv", tar(files))

    remarks = source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", nobody)

    assert remarks == (
        "1 bundles of /srv have no source map",
        "1 source maps are in /srv, which is served",
    )


def test_nothing_is_written_outside_the_folder_and_no_link_is_followed(
    image: Server, engine: Engine, tmp_path: Path
) -> None:
    put(image, "/srv", tar({"srv/app.js": bundle(), "srv/../../evil.js": "x"}, {"srv/link.js": "/etc/passwd"}))

    source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "a" / "out", nobody)

    assert [path.name for path in tmp_path.rglob("*.js")] == ["app.js"]


def test_what_is_no_tar_is_said(image: Server, engine: Engine, tmp_path: Path) -> None:
    put(image, "/srv", b"not a tar at all" * 64)

    with pytest.raises(SentryError, match="can't be read"):
        source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", nobody)


def test_hidden_folders_are_copied_without_their_dot(image: Server, engine: Engine, tmp_path: Path) -> None:
    put(image, "/app/.next/static", tar({"static/.chunks/app.js": bundle()}))
    wanted = SETTINGS.model_copy(update={"served": "/app/.next/static"})

    source_maps.fetch(engine, IMAGE, wanted, tmp_path / "out", nobody)

    assert (tmp_path / "out/served/chunks/app.js").exists()


def test_maps_within_what_is_served_are_a_remark(image: Server, engine: Engine, tmp_path: Path) -> None:
    put(image, "/srv", tar({"srv/app.js": bundle(), "srv/maps/app.js.map": source_map()}))
    put(image, "/srv/maps", tar({"maps/app.js.map": source_map()}))
    wanted = SETTINGS.model_copy(update={"maps": "/srv/maps"})

    assert source_maps.fetch(engine, IMAGE, wanted, tmp_path / "out", nobody) == (
        "1 source maps are in /srv, which is served",
    )


def test_when_time_is_up_nothing_more_is_copied_and_the_container_goes(
    image: Server, engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(SentryError, match="wasn't copied in time"):
        source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", nobody, until=Deadline(0))

    assert image.asked("DELETE /containers/c1")


def test_what_a_killed_deploy_left_is_removed_and_nobody_elses(image: Server, engine: Engine, tmp_path: Path) -> None:
    image.answers["GET /containers/json"] = Answer(body=[{"Id": "old", "Created": 1}, {"Id": "new", "Created": 2**40}])
    image.answers["DELETE /containers/old"] = Answer(204)

    source_maps.fetch(engine, IMAGE, SETTINGS, tmp_path / "out", nobody)

    assert [r.path for r in image.requests if r.method == "DELETE"] == ["/containers/old", "/containers/c1"]
