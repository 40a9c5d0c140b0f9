"""Finds the previews on a server."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tagship.deploy.previews import Preview
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.errors import ConfigError
from tagship.names import LABEL, Place
from tagship.project.preview_settings import PreviewSettings, number_of
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.release.shape import keeps_sqlite
from tagship.server.session import Session
from tagship.system.parallel import ahead

_NO_DATABASE = frozenset({
    "redis", "redis-stack-server", "valkey", "keydb", "dragonfly", "memcached", "rabbitmq", "nats", "mailpit",
    "mailhog", "minio", "elasticsearch", "opensearch", "meilisearch",
})  # fmt: skip
"""Images of accessories that no framework migrates."""


def session_of(session: Session, previews: PreviewSettings, number: int) -> Session:
    """The same connection, for one preview."""
    return replace(session, settings=previews.preview(session.settings, number))


def observe(session: Session) -> list[Preview]:
    """The previews of this app, by their numbers: all that have a container, a volume, a network or files."""
    touched = ahead(lambda: dict(_touched(session.engine, session.place.app)))
    with session.files() as edge:
        kept = _kept(edge, session.place.app) if edge else {}
    seen = touched()
    return [
        kept[number] if number in kept else Preview(number, seen[number], marked=False)
        for number in sorted(kept.keys() | seen.keys())
    ]


def _kept(edge: Edge, app: str) -> dict[int, Preview]:
    """Number → what the edge's files say of it."""
    found = {}
    for name, touched, live, marked, lines in edge.neighbours(f"{app}-pr"):
        if number := number_of(name.removeprefix(f"{app}-")):
            found[number] = Preview(number, touched, live, ledger.parse(lines), marked)
    return found


def _touched(engine: Engine, app: str) -> Iterator[tuple[int, float]]:
    """Number → when its newest part was created."""
    of_app = {"label": [f"{LABEL}.app={app}"]}
    volumes = ahead(lambda: engine.get("/volumes", filters=of_app).get("Volumes") or ())
    networks = ahead(lambda: engine.get("/networks", filters=of_app))
    parts: list[Any] = [*engine.get("/containers/json", all=True, filters=of_app), *volumes(), *networks()]
    for part in sorted(parts, key=_created):
        if number := number_of((part.get("Labels") or {}).get(f"{LABEL}.environment", "")):
            yield number, _created(part)


def _created(part: Any) -> float:  # noqa: ANN401 - the engine's JSON
    created = part.get("Created") or part.get("CreatedAt") or 0
    return datetime.fromisoformat(created).timestamp() if isinstance(created, str) else float(created)


def refuse_shared(place: Place, model: Mapping[str, Any]) -> None:
    """Raises ConfigError for volumes and folders of the Compose file that a preview would share with others."""
    for name, volume in sorted((model.get("volumes") or {}).items()):
        what = "external" if (volume or {}).get("external") else ""
        if ((volume or {}).get("driver_opts") or {}).get("device"):
            what = "a folder or share of its own choice (driver_opts.device)"
        if what:
            raise ConfigError(
                f"The volume {name} is {what}, so {place} would share it with other environments.",
                hint="remove that from the files that previews use, and each environment gets a volume of its own",
            )
    for name, service in sorted((model.get("services") or {}).items()):
        for mount in service.get("volumes") or ():
            if mount.get("type") == "bind" and mount["source"].startswith("/") and not mount.get("read_only"):
                raise ConfigError(
                    f"Service {name} mounts {mount['source']}, so {place} would share it with other environments.",
                    hint="use a named volume, or mount the folder read-only",
                )


def refuse_foreign_database(settings: Environment, kept: PreviewSettings, model: Mapping[str, Any]) -> None:
    """Raises ConfigError if a preview would migrate a database that isn't its own, as far as images tell."""
    apart = kept.variables is not None or kept.secrets is not None
    services = model.get("services") or {}
    theirs = [str((services.get(name) or {}).get("image", "")) for name in settings.release.accessories]
    own = settings.release.migrations and keeps_sqlite(services.get(settings.release.migrations.service) or {})
    if settings.release.migrations and not (apart or own) and all(_short(image) in _NO_DATABASE for image in theirs):
        has = f"only {', '.join(map(_short, theirs))}" if theirs else "no accessory"
        raise ConfigError(
            f"{kept.like} has {has}, so {settings.place} would migrate a database that it shares.",
            hint="give previews `variables` or `secrets` of their own, or an accessory for the database",
        )


def _short(image: str) -> str:
    """An image's name without registry, tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
