"""Observes what an application in one environment has on a server, and removes it."""

import time
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, assert_never

from tagship.deploy.removal import Clear, Discard, Disconnect, Erase, Forget, Picture, Remains, Step, Thing, Unserve
from tagship.edge import caddy, sites
from tagship.edge.traffic import Edge
from tagship.engine import containers, volumes
from tagship.engine.client import Engine
from tagship.errors import EngineError
from tagship.names import LABEL, Place
from tagship.proof import ledger
from tagship.server.lease import Lease
from tagship.server.session import Session
from tagship.system.parallel import ahead, settled

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""Seconds between attempts to remove a container that the engine is removing already."""


def observe(session: Session, edge: Edge | None) -> Remains:
    """All that is there, without changing anything."""
    engine, place = session.engine, session.place
    listing = ahead(lambda: engine.get("/images/json"))
    labels = {"label": [f"{LABEL}.app={place.app}", f"{LABEL}.environment={place.environment}"]}
    nets = ahead(lambda: engine.get("/networks", filters=labels))
    vols = ahead(lambda: engine.get("/volumes", filters=labels).get("Volumes") or ())
    everyone = engine.get("/containers/json", all=True)
    networks = {network["Name"]: network["Id"] for network in nets()}
    ours = [raw for raw in everyone if _is_ours(raw, place)]
    others = [raw for raw in everyone if not _is_ours(raw, place)]
    urls: tuple[str, ...] = ()
    records: tuple[bytes, ...] = ()
    there = False
    if edge:
        urls = sites.addresses(edge.read().http, place)
        there, records = edge.records()
    return Remains(
        str(place),
        place.accessories,
        urls=urls,
        containers=tuple(_thing(raw) for raw in ours),
        networks=networks,
        volumes=tuple(sorted(volume["Name"] for volume in vols())),
        images=tuple(_picture(raw) for raw in listing()),
        released=frozenset(
            image.rpartition("@")[2]
            for record in map(ledger.decode_record, records)
            if record
            for image in record.release.images.values()
        ),
        elsewhere=frozenset(used for raw in others for used in (raw["ImageID"], *_volumes(raw))),
        guests={raw["Names"][0].lstrip("/"): name for raw in others for name in _networks(raw) if name in networks},
        records=there,
    )


def staying(session: Session) -> Iterator[str]:
    """What serves no application any more but stays, one line each, with how to end it."""
    if not containers.listed(session.engine) and caddy.find(session.engine):
        yield (
            f"The edge still runs there and serves nobody: `docker rm -f {caddy.NAME}` on the server ends it. "
            f"Its volume `{caddy.VOLUME}` stays."
        )
    if session.settings.registry == "embedded":
        yield "The embedded registry may run on this machine: `tagship registry.stop` ends it."


def ensure_edge(session: Session) -> None:
    """Start the edge, or create it again, if its volume may hold records; only a running one reaches them."""
    found = caddy.find(session.engine)
    if (found and found["State"] != "running") or (not found and caddy.VOLUME in volumes.existing(session.engine)):
        caddy.ensure(session.engine, session.settings.edge, found)


def perform(step: Step, session: Session, edge: Edge | None, lease: Lease) -> None:
    """Carry out one step; what is gone already counts as done. Raises EngineError, LockedError."""
    engine = session.engine
    lease.check()
    match step:
        case Unserve():
            if edge:
                edge.serve({})
        case Clear(_, things, anonymous):
            clear(engine, things, anonymous=anonymous)
        case Disconnect(networks):
            settled(lambda network: _delete(engine, f"/networks/{network}"), networks.values())
        case Erase(names):
            settled(lambda name: _delete(engine, f"/volumes/{name}"), names)
        case Discard(images):
            discard(engine, images)
        case Forget():
            if edge:
                edge.forget()
        case _:
            assert_never(step)


def clear(engine: Engine, things: Iterable[Thing], *, anonymous: bool) -> None:
    """Stop containers, each with its own grace period, and remove them."""
    ids = {thing.id for thing in things}
    containers.stop(engine, [c for c in containers.listed(engine) if c.id in ids and c.running])
    settled(lambda each: _take_down(engine, each, anonymous=anonymous), ids)


def _take_down(engine: Engine, container: str, *, anonymous: bool) -> None:
    """Remove a container; wait for the engine if it still removes it, as a run that was killed told it to."""
    for pause in _PAUSES:
        try:
            _delete(engine, f"/containers/{container}", force=True, v=anonymous)
        except EngineError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            time.sleep(pause)
        else:
            return
    _delete(engine, f"/containers/{container}", force=True, v=anonymous)


def discard(engine: Engine, images: Iterable[Picture]) -> tuple[str, ...]:
    """Remove images by all their names. Returns those that the engine kept, because something uses them."""
    kept: list[str] = []
    for image in images:  # one after the other: they share layers
        for name in image.names or (image.id,):
            try:
                _delete(engine, f"/images/{name}")
            except EngineError as error:
                if error.status != HTTPStatus.CONFLICT:
                    raise
                kept.append(image.shown)
    return tuple(dict.fromkeys(kept))


def _is_ours(raw: Mapping[str, Any], place: Place) -> bool:
    labels = raw.get("Labels") or {}
    return labels.get(f"{LABEL}.app") == place.app and labels.get(f"{LABEL}.environment") == place.environment


def _thing(raw: Mapping[str, Any]) -> Thing:
    labels = raw["Labels"]
    return Thing(
        raw["Id"],
        raw["Names"][0].lstrip("/"),
        labels.get("com.docker.compose.project", ""),
        running=raw["State"] in {"running", "restarting", "paused"},
        one_off=labels.get("com.docker.compose.oneoff") == "True",
        image=raw["ImageID"],
        volumes=_volumes(raw),
    )


def _volumes(raw: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(mount["Name"] for mount in raw.get("Mounts") or () if mount.get("Type") == "volume")


def _networks(raw: Mapping[str, Any]) -> Iterable[str]:
    return (raw.get("NetworkSettings") or {}).get("Networks") or ()


def _picture(raw: Mapping[str, Any]) -> Picture:
    names = (*(raw.get("RepoTags") or ()), *(raw.get("RepoDigests") or ()))
    return Picture(raw["Id"], tuple(name for name in names if "<none>" not in name), raw.get("Size") or 0)


def _delete(engine: Engine, path: str, **query: object) -> None:
    try:
        engine.call("DELETE", path, **query)
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
