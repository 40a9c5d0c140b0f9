"""Copies a frontend's bundles and source maps out of its image, so that exactly what is served is uploaded."""

import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tagship.engine.client import Engine
from tagship.errors import EngineError, SentryError
from tagship.images import pulls
from tagship.images.credentials import Credentials
from tagship.project.sentry_settings import SourceMaps
from tagship.system.deadline import Deadline

BUNDLES, MAP = frozenset({".js", ".cjs", ".mjs"}), ".map"
LARGEST = 512 * 1024 * 1024
"""Bytes of one file; a larger one isn't a bundle."""
ABANDONED = 600.0
"""Seconds after which a leftover container belongs to a killed deploy."""
_LABEL = "tagship.source-maps"
_ID = re.compile(rb"//# debugId=([0-9a-fA-F-]{36})")
_ID_OF_MAP = re.compile(rb'"debug_?[iI]d"\s*:\s*"([0-9a-fA-F-]{36})"')


def fetch(  # noqa: PLR0913 - what an image is reached by
    engine: Engine,
    image: str,
    settings: SourceMaps,
    folder: Path,
    credentials: Credentials,
    *,
    until: Deadline | None = None,
) -> tuple[str, ...]:
    """Copy both folders of an image into `served` and `maps` of `folder`. Returns warnings.

    Uses the engine that runs the release, so that nothing is pulled twice and no other machine needs the image. Raises
    SentryError if something is missing or not done in time, EngineError otherwise.
    """
    deadline = until or Deadline()
    with _container(engine, image, credentials) as container:
        _copy(engine, container, settings.served, folder / "served", deadline)
        _copy(engine, container, settings.maps, folder / "maps", deadline)
    return _paired(settings, folder)


@contextmanager
def _container(engine: Engine, image: str, credentials: Credentials) -> Iterator[str]:
    """A container of the image that never starts and is removed at the end."""
    name = pulls.bring(engine, [image], credentials).get(image, image)
    for leftover in engine.get("/containers/json", all=1, filters={"label": [_LABEL], "status": ["created"]}):
        if engine.now() - leftover["Created"] > ABANDONED:
            engine.call("DELETE", f"/containers/{leftover['Id']}", force=1)
    wanted = {"Image": name, "Cmd": ["/never-started"], "Labels": {_LABEL: "true"}, "NetworkDisabled": True}
    container = engine.call("POST", "/containers/create", wanted)["Id"]
    try:
        yield container
    finally:
        engine.call("DELETE", f"/containers/{container}", v=1, force=1)


def _copy(engine: Engine, container: str, path: str, folder: Path, until: Deadline) -> None:
    """Copy only bundles and maps; skip names that lead out of the folder.

    Removes leading dots of folder names, because sentry-cli skips hidden folders.
    """
    try:
        with engine.archive(container, path) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if not until.left:
                    raise SentryError(f"{path} of the image wasn't copied in time.")
                name = PurePosixPath(member.name)
                if not member.isfile() or member.size > LARGEST or ".." in name.parts:
                    continue
                if name.suffix in BUNDLES or name.suffix == MAP:
                    _write(tar, member, folder.joinpath(*(part.lstrip(".") for part in name.parts[1:])))
    except tarfile.TarError as error:
        raise SentryError(f"{path} of the image can't be read: {error}.") from None
    except EngineError as error:
        if error.status == 404:  # noqa: PLR2004 - HTTP
            raise SentryError(f"The image has no {path}.", hint="correct sentry.source-maps in tagship.yml") from None
        raise


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    if source:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            shutil.copyfileobj(source, file)


def _paired(settings: SourceMaps, folder: Path) -> tuple[str, ...]:
    files = [path for path in (folder / "served").rglob("*") if path.is_file()]
    exposed = [path for path in files if path.suffix == MAP]
    ids = {found[1].lower() for path in files if path.suffix in BUNDLES if (found := _ID.search(path.read_bytes()))}
    maps = (folder / "maps").rglob("*.map")
    known = {found[1].lower() for path in maps if (found := _ID_OF_MAP.search(path.read_bytes()))}
    if not ids & known:
        raise SentryError(
            f"No bundle in {settings.served} has a source map in {settings.maps} with the same debug id.",
            hint="inject debug ids when the image is built; Tagship's docs/sentry.md shows how",
        )
    return (
        *([f"{len(ids - known)} bundles of {settings.served} have no source map"] if ids - known else ()),
        *([f"{len(exposed)} source maps are in {settings.served}, which is served"] if exposed else ()),
    )
