"""Copies configs and secrets into created containers, as Compose does when it starts them itself."""

import tarfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tagship.engine import archives
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.errors import CheckError, EngineError

READABLE = 0o444
"""Compose's default mode for both (compose-spec, configs and secrets)."""


def inject(
    engine: Engine, model: Mapping[str, Any], containers: Iterable[Container], environment: Mapping[str, str]
) -> None:
    """Copy them once, before the first start.

    `model` contains its secrets; `environment` is what Compose would get. Raises CheckError for a read-only file
    system.
    """
    for container in containers:
        entries = list(_entries(model, container.service, environment)) if container.state == "created" else []
        if entries:
            try:
                engine.put_archive(container.id, "/", archives.pack(entries))
            except EngineError as error:
                raise CheckError(
                    f"{container.service} takes configs or secrets, but its file system is read-only: {error.problem}",
                    hint="pass the values as environment variables, because of read_only",
                ) from error


def _entries(
    model: Mapping[str, Any], service: str, environment: Mapping[str, str]
) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for kind, folder in (("configs", "/"), ("secrets", "/run/secrets/")):
        for use in model["services"][service].get(kind) or ():
            source = model[kind][use["source"]]
            content = environment.get(source.get("environment", ""), source.get("content", "").replace("$$", "$"))
            target = use.get("target") or use["source"]
            entry = tarfile.TarInfo((target if target.startswith("/") else folder + target).lstrip("/"))
            entry.mode = int(str(use.get("mode", oct(READABLE))), 8)
            entry.uid, entry.gid = int(use.get("uid") or 0), int(use.get("gid") or 0)
            yield entry, content.encode()
