"""A frontend's bundles and source maps, out of its image: what is uploaded is what is served."""

import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tagship.adapters.engine import Engine
from tagship.config import SourceMaps
from tagship.errors import EngineError, SentryError

BUNDLES, MAP = frozenset({".js", ".cjs", ".mjs"}), ".map"
LARGEST = 512 * 1024 * 1024
"""Bytes of one file, above which something other than a bundle was named."""
_LABEL = "tagship.source-maps"
_ID = re.compile(rb"//# debugId=([0-9a-fA-F-]{36})")
_ID_OF_MAP = re.compile(rb'"debug_?[iI]d"\s*:\s*"([0-9a-fA-F-]{36})"')


@dataclass(frozen=True)
class Found:
    """How many pairs of a bundle and its map there are, and what isn't as it should be."""

    pairs: int
    remarks: tuple[str, ...]


def fetch(
    engine: Engine, image: str, settings: SourceMaps, folder: Path, credentials: Mapping[str, str] | None = None
) -> Found:
    """Copy both folders of an image into `folder`. Raises SentryError for what is missing, EngineError otherwise.

    On the engine that runs the release: nothing is pulled twice, and no other machine needs the image.
    """
    with _container(engine, image, credentials) as container:
        for path in {settings.served, settings.maps}:
            _copy(engine, container, path, folder)
    return _paired(settings, folder)


@contextmanager
def _container(engine: Engine, image: str, credentials: Mapping[str, str] | None) -> Iterator[str]:
    """A container of the image that never starts, removed in the end."""
    repository, _, digest = image.rpartition("@")
    if repository and not engine.exists(f"/images/{image}/json"):
        engine.pull(repository, digest, credentials)
    wanted = {"Image": image, "Cmd": ["/never-started"], "Labels": {_LABEL: "true"}, "NetworkDisabled": True}
    container = engine.call("POST", "/containers/create", wanted)["Id"]
    try:
        yield container
    finally:
        engine.call("DELETE", f"/containers/{container}", v=1, force=1)


def _copy(engine: Engine, container: str, path: str, folder: Path) -> None:
    """Bundles and maps only, as they come; a name that would leave the folder is not taken."""
    try:
        with engine.archive(container, path) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                name = PurePosixPath(path).parent.joinpath(member.name)
                parts = name.parts[1:]
                if not member.isfile() or member.size > LARGEST or ".." in parts:
                    continue
                if name.suffix in BUNDLES or name.suffix == MAP:
                    _write(tar, member, folder.joinpath(*parts))
    except tarfile.TarError as error:
        raise SentryError(f"{path} of the image can't be read: {error}.") from None
    except EngineError as error:
        if error.status == 404:  # noqa: PLR2004 - HTTP
            raise SentryError(f"The image has no {path}.", hint="see sentry.source-maps in tagship.yml") from None
        raise


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    if source:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            shutil.copyfileobj(source, file)


def _paired(settings: SourceMaps, folder: Path) -> Found:
    served, maps = (folder / path.lstrip("/") for path in (settings.served, settings.maps))
    files = [path for path in served.rglob("*") if path.is_file()]
    exposed = [path for path in files if path.suffix == MAP and maps not in (path.parent, *path.parents)]
    ids = {found[1].lower() for path in files if path.suffix in BUNDLES if (found := _ID.search(path.read_bytes()))}
    known = {found[1].lower() for path in maps.rglob("*.map") if (found := _ID_OF_MAP.search(path.read_bytes()))}
    pairs = len(ids & known)
    if not pairs:
        raise SentryError(
            f"No bundle in {settings.served} has a source map in {settings.maps} with the same debug id.",
            hint="inject debug ids when the image is built; docs/sentry.md shows how",
        )
    remarks = [
        *([f"{len(ids - known)} bundles of {settings.served} have no source map"] if ids - known else ()),
        *([f"{len(exposed)} source maps are left in {settings.served}, which is served"] if exposed else ()),
    ]
    return Found(pairs, tuple(remarks))
