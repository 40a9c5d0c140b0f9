"""Checks an environment's server, from SSH to what runs there, without changing anything."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from tagship.deploy.preflight import LEAST_DISK, LEAST_MEMORY, MIB
from tagship.edge import caddy
from tagship.edge.state import Files
from tagship.engine import containers, local
from tagship.engine.images import image
from tagship.errors import CheckError, EngineError, RegistryError, TagshipError
from tagship.images import commit, pulls
from tagship.images.commit import Images
from tagship.images.credentials import credentials
from tagship.images.registry import split
from tagship.project.schema import Environment
from tagship.server import connection, observe
from tagship.server.session import Session
from tagship.setup import healthchecks, public, ssh_way
from tagship.setup.report import Check, bad, each, failed, good, unknown
from tagship.setup.ssh_way import Way
from tagship.source import git

_ANSWERED = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""A registry that has no such image, or says so without a login, does answer."""
MOST_SKEW = 5.0
"""Seconds. An engine tells its time to the second; what is signed or leased tolerates more."""


def checks(settings: Environment, folder: Path) -> Iterator[Check]:
    """Every check of an environment's server. Those that need an engine that isn't reached are left out."""
    way = Way("")
    if settings.engine != "local":
        way = ssh_way.look(settings.engine)
        yield from ssh_way.checks(settings.engine, way)
    try:
        images: Images | None = commit.of(settings, git.version(dirty=True, folder=folder), folder, repository=folder)
    except TagshipError:
        images = None  # the configuration's checks say why
    if settings.engine == "local" or way.open:
        try:
            with connection.connect(settings) as opening:
                yield from _reached(opening.session(), way, images)
        except TagshipError as error:
            yield from failed("engine", error)
    yield from public.name(settings)


def _reached(session: Session, way: Way, images: Images | None) -> Iterator[Check]:
    settings, engine = session.settings, session.engine
    yield from each("engine", lambda: _engine(session, images))
    yield from _clock(engine.clock_skew)
    listed = engine.get("/containers/json")
    edge = caddy.find(engine)
    with session.files() as reached:
        files = reached.read() if reached else None
    yield from _room(way, files, _size(images))
    yield from each("edge", lambda: _edge(session, edge, files))
    if images:
        yield from each("registry", lambda: _registry(session, images))
        yield from _accessories(session, images)
    yield from _running(session)
    yield from public.exposed(settings, listed)
    yield from public.certificate(settings, edge=edge is not None)


def _engine(session: Session, images: Images | None) -> Iterator[Check]:
    version, info = session.engine.get("/version"), session.engine.get("/info")
    yield good("engine", f"Docker {version['Version']}, {info['NCPU']} CPUs, {info['MemTotal'] // MIB} MiB of memory")
    if session.settings.engine == "local" or images is None:
        return
    with local.local_engine() as here:
        ours = here.get("/version")["Arch"]
    builds = [s["build"] for s in images.sources.model["services"].values() if s.get("build")]
    if ours != version["Arch"] and not all(build.get("platforms") for build in builds):
        text = f"Images are built here for {ours}, but the server is {version['Arch']}."
        yield bad("engine", text, f"set build.platforms: [linux/{version['Arch']}] in the Compose file", CheckError)


def _clock(skew: float) -> Iterator[Check]:
    if abs(skew) > MOST_SKEW:
        text = f"The server's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}."
        yield bad("clock", text, "run `timedatectl set-ntp true` on the one that is wrong", CheckError)
    else:
        yield good(
            "clock", "the server's and this machine's agree to the second" if abs(skew) < 1 else f"{skew:+.0f} s"
        )


def _size(images: Images | None) -> int:
    """Bytes of this commit's images, as far as they are built on this machine."""
    if images is None:
        return 0
    with local.local_engine() as here:
        listed = pulls.listed(here)
    ours = {f"{repository}:{images.version.tag}" for repository in images.repositories.values()}
    return sum(one["Size"] for one in listed if ours & {*(one.get("RepoTags") or ())})


def _room(way: Way, files: Files | None, size: int) -> Iterator[Check]:
    """Disk and memory. `size`: bytes of the images that a deploy would bring, at most."""
    disk = files.disk_free if files else way.disk_free
    memory = files.memory_free if files else way.memory_free
    for name, free, least, todo in (
        ("disk", disk, LEAST_DISK + size, "free space there: `docker system df` shows what takes it"),
        ("memory", memory, LEAST_MEMORY, "give the server more memory: two releases run side by side for a while"),
    ):
        if free is None:
            yield unknown(name, "The server doesn't say; known once the edge runs, after the first deploy.")
        elif free < least:
            yield bad(name, f"{free // MIB} MiB free; a deploy needs {least // MIB}.", todo, CheckError)
        else:
            yield good(name, f"{free / 1024 / MIB:.1f} GiB free")


def _edge(session: Session, edge: object, files: Files | None) -> Iterator[Check]:
    if not isinstance(edge, dict):
        yield from public.free(session.settings)
        yield _edge_image(session)
        return
    if edge["State"] != "running":
        yield bad(
            "edge", f"It is {edge['State']}, so no request is served.", "deploy again, which starts it", CheckError
        )
        return
    if files:
        caddy.refuse_old(files.caddy)
    settings = session.settings
    published = {port["PublicPort"] for port in edge.get("Ports") or () if port.get("PublicPort")}
    if missing := {settings.edge.http, settings.edge.https} - {0} - published:
        text = f"It publishes {_ports(published)}, not {_ports(missing)}."
        yield bad("edge", text, "set edge.http and edge.https to its ports", CheckError)
    else:
        version = files.caddy.split(maxsplit=1)[0].removeprefix("v") if files and files.caddy else ""
        yield good("edge", f"{f'Caddy {version}'.strip()} at port {_ports(published)}")


def _edge_image(session: Session) -> Check:
    """Whether the first deploy can have the edge's image."""
    name = session.settings.edge.image
    if image(session.engine, name):
        return good("edge", f"{name} is there; the first deploy starts it")
    try:
        session.engine.ask_registry(name, session.credentials(split(name)[0]))
    except EngineError as error:
        text = f"The server can't get the edge's image {name}: {error.problem}"
        return bad("edge", text, "set edge.image to one that it can pull, or `docker load` it there", CheckError)
    return good("edge", f"the server can pull {name}; the first deploy starts it")


def _registry(session: Session, images: Images) -> Iterator[Check]:
    registry, settings = images.registry, session.settings
    if registry is None:
        yield good("registry", "none is needed: images stay on this machine's engine")
        return
    if settings.registry == "embedded":
        yield good("registry", "embedded: a push starts it here, and the server reaches it through SSH")
        return
    try:
        there = images.digests()
    except RegistryError as error:
        yield from failed("registry", error)
    else:
        yield good(
            "registry", f"{registry.host} answers here; it has {len(there)} of {len(images.repositories)} images"
        )
    repository = next(iter(images.repositories.values()), "")
    try:
        session.engine.ask_registry(f"{repository}:{images.version.tag}", credentials(registry.host))
    except EngineError as error:
        if error.status == HTTPStatus.UNAUTHORIZED or "no basic auth" in error.problem:
            text = f"{registry.host} asks the server for a password, and there is none for it here."
            todo = "run `docker login`, or set TAGSHIP_REGISTRY_USERNAME and TAGSHIP_REGISTRY_PASSWORD"
            yield bad("registry", text, todo, RegistryError)
        elif error.status in _ANSWERED or "unknown" in error.problem:
            yield good("registry", f"{registry.host} answers the server")
        else:
            todo = "check the server's way out and its DNS; for plain HTTP, its daemon.json"
            yield bad("registry", f"The server doesn't reach {registry.host}: {error.problem}", todo, RegistryError)
    else:
        yield good("registry", f"{registry.host} answers the server")


def _accessories(session: Session, images: Images) -> Iterator[Check]:
    states = observe.accessories(containers.listed(session.engine), session.place)
    wanted = images.shape.accessories
    if idle := [
        f"{name} ({states.get(name, 'not there')})" for name in wanted if states.get(name) not in {"running", "ended"}
    ]:
        todo = f"run `tagship accessories.up --env {session.settings.name}`"
        yield bad("accessories", f"Not running: {', '.join(idle)}.", todo, CheckError)
    elif wanted:
        yield good("accessories", f"{', '.join(wanted)} run")


def _running(session: Session) -> Iterator[Check]:
    """Healthchecks of the containers that run, which may be their images' own."""
    ours = [c for c in containers.listed(session.engine) if session.place.owns(c.project) and c.running]
    for container in ours:
        test = (session.engine.get(f"/containers/{container.id}/json")["Config"].get("Healthcheck") or {}).get("Test")
        if test and (why := healthchecks.hollow(test)):
            todo = "write one that asks the program itself"
            yield bad("healthcheck", f"{container.service} as it runs: {why}.", todo, CheckError)


def _ports(ports: set[int]) -> str:
    return " and ".join(map(str, sorted(ports))) or "no port"
