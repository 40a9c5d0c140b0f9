"""Observes, stops and starts a Compose stack on a server that isn't Tagship's."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tagship.deploy.adoption import MAJOR, Mounted, Part, Stack, Wanted
from tagship.deploy.removal import Discard, Forget, findings, plan_removal
from tagship.edge import caddy
from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError
from tagship.images import pulls
from tagship.names import LABEL, Holder, Place
from tagship.release import markers
from tagship.release.model import Release
from tagship.server import lock, removal
from tagship.server.lease import Lease
from tagship.server.session import Session
from tagship.system.parallel import settled, together
from tagship.variables.resolve import Resolution

ADOPTED = ".adopted-by-"
"""In the name of a container that ran and was stopped for the environment named behind it; only those start again."""
_WAIT = 600.0
"""Seconds for the lock, if somebody else has it when the old containers are to start again."""
READY_WITHIN = 60.0
"""Seconds that databases and caches get to become healthy before what needs them starts."""
_POLL = 0.2


def stacks(engine: Engine) -> list[Stack]:
    """Every Compose project there that isn't Tagship's."""
    raws = [raw for raw in engine.get("/containers/json", all=True) if _project(raw)]
    found: dict[str, list[Part]] = {}
    inspected = together(lambda raw: engine.get(f"/containers/{raw['Id']}/json"), raws)
    for raw, details in zip(raws, inspected, strict=True):
        found.setdefault(_project(raw), []).append(_part(raw, details))
    return [Stack(project, tuple(parts)) for project, parts in sorted(found.items())]


def _described(place: Place, resolved: Resolution) -> tuple[Part, ...]:
    """The services of a resolved Compose model, as they would run in that place."""
    model, secrets = resolved.model, resolved.secrets
    volumes = model.get("volumes") or {}

    def mounted(mount: Mapping[str, Any]) -> Mounted:
        source = mount.get("source") or ""
        settings = volumes.get(source) or {}
        if mount["type"] == "bind":
            return Mounted(source, folder=True)
        return Mounted(settings["name"] if settings.get("external") else f"{place}_{source}" if source else "")

    return tuple(
        Part(
            name,
            {m["target"]: mounted(m) for m in settings.get("volumes") or () if m["type"] in {"bind", "volume"}},
            {
                key: str(markers.fill(value, secrets)).replace("$$", "$")
                for key, value in (settings.get("environment") or {}).items()
                if value is not None
            },
        )
        for name, settings in model["services"].items()
    )


def wanted(session: Session, release: Resolution, accessories: Resolution) -> Wanted:
    """The application as this environment has it; its databases with the version of their images that are there."""
    place, edge = session.place, session.settings.edge
    images = {name: settings.get("image", "") for name, settings in accessories.model["services"].items()}
    databases = tuple(
        replace(part, variables={**part.variables, MAJOR: major}) if (major := _major(session.engine, image)) else part
        for part in _described(place, accessories)
        for image in [images[part.service]]
    )
    return Wanted(_described(place, release), databases, frozenset({edge.http, edge.https} - {0}))


def pull(session: Session, release: Release, accessories: Resolution) -> None:
    """Bring all images to the server, while the old containers serve."""
    pulls.bring(session.engine, release.images.values(), session.credentials)
    images = {settings.get("image", "") for settings in accessories.model["services"].values()} - {""}
    together(lambda image: pulls.bring_tagged(session.engine, image, session.credentials), images)


def serves(session: Session) -> str:
    """The release that the environment serves and the ledger proves; empty if it was never brought up whole."""
    with session.looked_at() as environment:
        found = environment.observe()
    running = {standing.name for standing in found.releases if standing.running}
    return found.live if found.live in running and found.proven else ""


def adopted(session: Session, project: str) -> str:
    """The project whose containers `stop` stopped for this environment. Raises CheckError if none is meant."""
    everyone = session.engine.get("/containers/json", all=True)
    found = {_project(raw) for raw in everyone if _is_adopted(raw, session.place)} - {""}
    if project in found:
        return project
    if len(found) != 1 or project:
        there = ", ".join(sorted(found)) or "none"
        raise CheckError(
            f"Which project should run again? {session.place} took over: {there}.", hint="pass --project NAME"
        )
    return found.pop()


def back(session: Session, project: str, accessories: Iterable[str], *, undo: bool) -> list[str]:
    """Remove what Tagship runs there, and start what `stop` stopped; `undo`: its records go, too. Volumes stay.

    Raises CheckError if a migration runs that must not be cut off, or, unless it is an undo, if a proven release serves
    the environment: ours, when only the tidying failed, or that of somebody else's deploy.
    """
    engine = session.engine
    with Lease(engine, session.place, lock.holder("adopt --undo"), wait=_WAIT) as lease:
        if not undo and (live := serves(session)):
            raise CheckError(f"{live} was proven and serves; {project} stays stopped.", hint="see `tagship status`")
        if undo:
            if port := port_in_the_way(session, project):
                raise CheckError(
                    f"{project} needs port {port}, which the edge keeps for other applications of this server.",
                    hint=f"give {project} another port, or move the others first; nothing was changed",
                )
            removal.ensure_edge(session)
        with session.files() as edge:
            found = removal.observe(session, edge)
            if problems := list(findings(found)):
                hint = "wait for it, then run `tagship adopt --undo`"
                raise CheckError("\n".join([*problems, f"{project} stays stopped."]), hint=hint)
            for step in plan_removal(found, volumes=False):
                if undo or not isinstance(step, Discard | Forget):
                    removal.perform(step, session, edge, lease)
        if not containers.listed(engine):  # no other application needs it, and its ports may be the old ones
            caddy.remove(engine)
        return start(session, project, accessories)


def _major(engine: Engine, image: str) -> str:
    """The major version of PostgreSQL that an image says it has; empty if it says none, or isn't on the server."""
    try:
        return _variables(engine.get(f"/images/{image}/json")).get(MAJOR, "")
    except EngineError:
        return ""


def held(engine: Engine, project: str) -> dict[int, str]:
    """Port of the server → the container that publishes it, but for those of the project and the edge."""
    others = (
        raw
        for raw in engine.get("/containers/json")
        if _project(raw) != project and f"{LABEL}.edge" not in (raw.get("Labels") or {})
    )
    return {
        port["PublicPort"]: raw["Names"][0].lstrip("/")
        for raw in others
        for port in raw.get("Ports") or ()
        if port.get("PublicPort")
    }


def locked(session: Session, holder: Holder, wait: float) -> Lease:
    """The environment's lock. Raises LockedError."""
    return Lease(session.engine, session.place, holder, wait=wait)


def stop(session: Session, project: str, accessories: Iterable[str]) -> None:
    """Stop all that runs of a project, its databases last, each within its own time; so that `start` finds it again."""
    engine, last = session.engine, set(accessories)
    running = [raw for raw in _of(engine, project) if raw["State"] in {"running", "restarting", "paused"}]
    for these in ([r for r in running if _service(r) not in last], [r for r in running if _service(r) in last]):
        settled(partial(_put_down, engine, session.place), these)


def start(session: Session, project: str, accessories: Iterable[str]) -> list[str]:
    """Start what `stop` stopped, its databases first. Returns the services.

    Raises CheckError if a running container has one of its volumes: two databases would write to the same files.
    """
    engine, first = session.engine, set(accessories)
    down = [raw for raw in _of(engine, project) if _is_adopted(raw, session.place)]
    used = {volume: raw for raw in engine.get("/containers/json") for volume in _volumes(raw)}
    for raw in down:
        for volume in _volumes(raw):
            if volume in used:
                who, other = raw["Names"][0].lstrip("/"), used[volume]["Names"][0].lstrip("/")
                raise CheckError(f"{who} has the volume {volume}, which {other} uses.", hint=f"stop {other} first")
    ahead = [raw for raw in down if _service(raw) in first]
    settled(partial(_take_up, engine), ahead)
    _wait_until_healthy(engine, ahead)
    settled(partial(_take_up, engine), [raw for raw in down if raw not in ahead])
    return sorted({_service(raw) for raw in down})


def _put_down(engine: Engine, place: Place, raw: Mapping[str, Any]) -> None:
    path, name = f"/containers/{raw['Id']}", raw["Names"][0].lstrip("/")
    if ADOPTED not in name:
        engine.call("POST", f"{path}/rename", name=f"{name}{ADOPTED}{place}")
    policy = engine.get(f"{path}/json")["HostConfig"]["RestartPolicy"]["Name"]
    if policy == "always":  # would come back with the engine, beside ours
        engine.call("POST", f"{path}/update", {"RestartPolicy": {"Name": "unless-stopped"}})
    engine.call("POST", f"{path}/stop")


def _take_up(engine: Engine, raw: Mapping[str, Any]) -> None:
    path, name = f"/containers/{raw['Id']}", raw["Names"][0].lstrip("/")
    engine.call("POST", f"{path}/start")
    engine.call("POST", f"{path}/rename", name=name.partition(ADOPTED)[0])


def _is_adopted(raw: Mapping[str, Any], place: Place) -> bool:
    return bool(raw["Names"][0].endswith(f"{ADOPTED}{place}"))


def _volumes(raw: Mapping[str, Any]) -> list[str]:
    return [mount["Name"] for mount in raw.get("Mounts") or () if mount.get("Type") == "volume"]


def port_in_the_way(session: Session, project: str) -> int:
    """A port that the old containers publish and the edge won't give back, since it serves others; 0 for none."""
    engine, place = session.engine, session.place
    others = [
        raw
        for raw in engine.get("/containers/json", all=True, filters={"label": [f"{LABEL}.app"]})
        if (raw["Labels"][f"{LABEL}.app"], raw["Labels"].get(f"{LABEL}.environment")) != (place.app, place.environment)
    ]
    edge = caddy.find(engine)
    if not others or edge is None:
        return 0
    published = {port.get("PublicPort", 0) for port in edge.get("Ports") or ()}
    for raw in _of(engine, project):
        if _is_adopted(raw, place):
            bindings = engine.get(f"/containers/{raw['Id']}/json")["HostConfig"].get("PortBindings") or {}
            wanted = {int(each.get("HostPort") or 0) for group in bindings.values() for each in group or ()}
            if shared := (wanted & published) - {0}:
                return min(shared)
    return 0


def _wait_until_healthy(engine: Engine, these: Iterable[Mapping[str, Any]]) -> None:
    """What has a healthcheck, as far as it gets there in time; what needs it then decides for itself."""
    until = time.monotonic() + READY_WITHIN
    waiting = [raw["Id"] for raw in these]
    while waiting and time.monotonic() < until:
        states = {each: engine.get(f"/containers/{each}/json")["State"] for each in waiting}
        waiting = [each for each, state in states.items() if (state.get("Health") or {}).get("Status") == "starting"]
        if waiting:
            time.sleep(_POLL)


def _of(engine: Engine, project: str) -> list[dict[str, Any]]:
    return [raw for raw in engine.get("/containers/json", all=True) if _project(raw) == project]


def _project(raw: Mapping[str, Any]) -> str:
    labels = raw.get("Labels") or {}
    ours = f"{LABEL}.app" in labels or f"{LABEL}.edge" in labels
    return (
        ""
        if ours or labels.get("com.docker.compose.oneoff") == "True"
        else labels.get("com.docker.compose.project", "")
    )


def _service(raw: Mapping[str, Any]) -> str:
    service: str = (raw.get("Labels") or {}).get("com.docker.compose.service", "")
    return service


def _part(raw: Mapping[str, Any], details: Mapping[str, Any]) -> Part:
    mounts = {
        mount["Destination"]: Mounted(mount["Source"], folder=True)
        if mount["Type"] == "bind"
        else Mounted(mount.get("Name") or "")
        for mount in details.get("Mounts") or ()
        if mount.get("Type") in {"bind", "volume"} and mount.get("RW", True)
    }
    ports = frozenset(port["PublicPort"] for port in raw.get("Ports") or () if port.get("PublicPort"))
    return Part(_service(raw), mounts, _variables(details), ports, running=raw["State"] == "running")


def _variables(details: Mapping[str, Any]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in details["Config"].get("Env") or () if "=" in pair)
