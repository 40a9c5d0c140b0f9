"""Copies files into and out of containers, started or not, as the tar archives of the engine's API."""

import io
import tarfile
from collections.abc import Iterable

from tagship.engine.client import Engine


def pack(files: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """An archive of files with their content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry, content in files:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def read(engine: Engine, container: str, path: str) -> bytes:
    """A file's content; empty if it isn't a file. Raises EngineError."""
    with engine.archive(container, path) as stream:
        packed = io.BytesIO(stream.read())
    with tarfile.open(fileobj=packed) as tar:
        file = tar.extractfile(path.rpartition("/")[2])
        return file.read() if file else b""
