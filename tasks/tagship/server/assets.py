"""Copies a release's assets into the edge's volume, where pages find them that another release delivered."""

import tarfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import IO

from tagship.edge.caddy import NAME
from tagship.edge.traffic import Edge
from tagship.engine import archives, containers
from tagship.engine.client import Engine
from tagship.errors import EngineError, RolloutError
from tagship.release.model import Route

LARGEST = 64 * 2**20
"""Bytes that a folder of assets may have. They pass through the deploy's connection, in two minutes at most."""
_MISSING = 404
_HTML = (".html", ".htm")


def keep(engine: Engine, edge: Edge, release: str, live: str, routes: Iterable[Route]) -> None:
    """Copy the assets of a release's created containers, unless they are there; remove those that nobody needs.

    `live`: the release that is about to be replaced. Raises RolloutError for a folder that isn't there or is too large.
    """
    if edge.keeps_assets(release, live):
        return
    ours = {container.service: container for container in containers.of(engine, release)}
    for route in routes:
        packed = _packed(engine, ours[route.service].id, route)
        engine.put_archive(NAME, edge.incoming_assets(release), packed)
    edge.take_assets(release, live)


def _packed(engine: Engine, container: str, route: Route) -> bytes:
    where = f"{route.service}:{route.assets}"
    try:
        with engine.archive(container, route.assets) as stream:
            found = list(_limited(_served(stream, route), where))
    except EngineError as error:
        if error.status != _MISSING:
            raise
        raise RolloutError(f"There is no {where} in the image.", hint="correct `assets` in tagship.yml") from error
    except tarfile.ReadError as error:
        raise engine.unreachable(error) from error
    if not found:
        raise RolloutError(f"{where} has no files to keep.", hint="give the folder itself, not a link to it")
    return archives.pack(found)


def _served(stream: IO[bytes], route: Route) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """The folder's files by the paths of their URLs.

    Symbolic links are left out: they could lead to another app's files. So is HTML, whose name stays the same.
    """
    contents: dict[str, bytes] = {}
    base = PurePosixPath(route.path.removesuffix("*").strip("/"))
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for entry in tar:
            parts = PurePosixPath(entry.name).parts[1:]  # the first is the folder itself
            if not (entry.isfile() or entry.islnk()) or not parts or ".." in parts or parts[-1].endswith(_HTML):
                continue
            copied = tarfile.TarInfo(str(base.joinpath(*parts)))
            copied.mtime, copied.mode = entry.mtime, 0o644
            file = tar.extractfile(entry) if entry.isfile() else None
            contents[entry.name] = file.read() if file else contents.get(entry.linkname, b"")
            yield copied, contents[entry.name]


def _limited(files: Iterable[tuple[tarfile.TarInfo, bytes]], where: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    total = 0
    for entry, content in files:
        total += len(content)
        if total > LARGEST:
            raise RolloutError(
                f"{where} has more than {LARGEST // 2**20} MB.", hint="give a folder that has only hashed files"
            )
        yield entry, content
