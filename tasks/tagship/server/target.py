"""An environment on a real server: each planned effect, through its engine and its edge."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagship import names
from tagship.checks import smoke
from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.target import Onlooker
from tagship.engine import compose, compose_socket, containers, images, networks, quirks, volumes
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.injection import inject
from tagship.engine.readiness import Starting
from tagship.errors import CheckError, MigrationError, RolloutError, SmokeTestError, TagshipError
from tagship.images import pulls
from tagship.images.credentials import Credentials
from tagship.migrations import frameworks as migrations
from tagship.names import Holder
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.release import markers
from tagship.release.model import Migrations, Record, Rendered, Served
from tagship.reporting import redaction
from tagship.server import listening, routes
from tagship.server.edge import NETWORK, refuse_old
from tagship.server.lease import Lease
from tagship.server.observe import Reader
from tagship.server.state import Files
from tagship.server.traffic import Edge
from tagship.system.parallel import ahead, settled, together

DRAIN_POLL = 0.05


_NOTHING_STAYED = (
    "each command runs in a container of its own: a database inside it, as SQLite's file is, goes with it; "
    "keep the file on a volume, or the database in an accessory"
)


_ENDED = frozenset({"restarting", "exited", "dead"})


class LockedServer(Reader):
    """The `LockedEnvironment` of a real server, its edge running."""

    def __init__(  # noqa: PLR0913 - what one environment consists of
        self,
        engine: Engine,
        edge: Edge,
        settings: Environment,
        *,
        edge_container: Mapping[str, Any],
        lease: Lease,
        credentials: Credentials,
    ) -> None:
        super().__init__(engine, edge, settings.place, settings.url, planning=True)
        self.engine, self.edge, self.settings, self.lease = engine, edge, settings, lease
        self.credentials = credentials
        self.images: Callable[[], pulls.Listed] = lambda: pulls.listed(engine)
        """The engine's images, as listed beside the last observation."""
        self.edge_network = edge_container["NetworkSettings"]["Networks"][NETWORK]

    @property
    def left_by(self) -> Holder | None:
        """Who left an expired lock behind."""
        return self.lease.took_over.holder if self.lease.took_over else None

    def now(self) -> str:
        """The time by the engine's clock, ISO 8601."""
        return datetime.fromtimestamp(self.engine.now(), UTC).isoformat(timespec="seconds")

    def observe(self) -> Observed:
        """All at once; what a first deploy lacks is made by the way. Raises CheckError for a Caddy that is too old."""
        return self._observed(self._read)

    def _read(self) -> Files:
        self.images = ahead(lambda: pulls.listed(self.engine))
        files = self.edge.read(prepare=True)
        refuse_old(files.caddy)
        return files

    @property
    def networks(self) -> networks.Networks:
        """The engine's networks, as last listed."""
        return self._networks

    def target(self, candidate: Candidate | None = None) -> "Server":
        """What a plan is applied to, with the candidate's secrets."""
        return Server(self, candidate.secrets if candidate else {})

    def record(self, entry: ledger.Entry) -> None:
        """Append to the ledger, after the line last read or written: under the lock nobody else writes."""
        line = ledger.line(entry, self._last)
        self.edge.append(line)
        self._last = line


class Server:
    """The `Target` of a real environment. Holds secret values; hands them to Compose alone."""

    def __init__(self, environment: LockedServer, secrets: Mapping[str, str]) -> None:
        self._environment = environment
        self._secrets = secrets
        self._engine, self._edge, self._lease = environment.engine, environment.edge, environment.lease
        self._settings = environment.settings
        self._place = environment.settings.place
        self._known: dict[str, str] = {}
        """Image → what the engine knows it by."""
        self._images: dict[str, dict[str, Any]] = {}
        """What the engine says of the release's images."""
        self._answers: dict[str, Any] = {}
        """What else Compose would ask the engine for, and is known."""
        self._seen: dict[str, list[Container]] = {}
        """Other releases' containers, as listed when this one's were started."""

    def observe(self) -> Observed:
        """Look at everything a plan depends on."""
        return self._environment.observe()

    def release(self, name: str) -> Record | None:
        """What was kept of a release."""
        return self._environment.release(name)

    def record(self, entry: ledger.Entry) -> None:
        """Append to the ledger."""
        self._environment.record(entry)

    def still_ours(self) -> None:
        """A look goes out; what the one before it found is raised."""
        self._lease.check()

    def pull(self, images: Sequence[str]) -> None:
        """All at once; one that is there already costs no word with the registry."""
        self._known |= pulls.bring(self._engine, images, self._environment.credentials, self._environment.images())

    def revive(self, accessories: Sequence[str]) -> None:
        """As the engine has them: a deploy doesn't know their Compose file, and needn't."""
        project = self._place.accessories
        ours = [c for c in containers.of(self._engine, project) if c.service in accessories]
        model = {"name": project, "services": {name: {} for name in accessories}}
        with self._hiding():
            Starting(self._engine, model, ours, self._settings.release.ready_within).run()

    def prepare(self, rendered: Rendered) -> None:
        """The record first, so that whatever becomes live can be rendered again. Compose takes the rest as external."""
        kept = ahead(lambda: self._edge.keep(rendered.name, ledger.encode_record(rendered.record)))
        version = ahead(lambda: self._engine.get("/version"))
        looked = ahead(lambda: self._look_at_images(rendered))
        if self._silent(rendered):
            looked()
            self._refuse_unwatched(rendered, self._images_without_probe(rendered))
        labels = {"tagship.app": self._place.app, "tagship.environment": self._place.environment}
        within = self._settings.edge.networks
        size = networks.prefix_for(sum(map(rendered.replicas, rendered.order)))
        there = self._environment.networks
        network = networks.ensure(self._engine, rendered.name, within, prefix=size, labels=labels, there=there)
        kept()
        looked()
        self._answers = {"/version": version(), compose_socket.network_query(rendered.name): [network]}
        volumes.ensure(self._engine, rendered.volumes, labels, self._secrets)

    def create(self, rendered: Rendered) -> None:
        """By Compose, on the release's own network."""
        with self._hiding(), self._compose_socket(rendered) as socket:
            compose.create(socket, self._runnable(rendered.model), self._named(rendered))
        self._refuse_unwatched(rendered, self._containers_without_probe(rendered))

    def migrate(self, rendered: Rendered, *, dry_run: bool = False) -> Migrated:
        """Pending, apply, verify: each a one-off of the new image on the release's and the environment's networks."""
        how = rendered.release.shape.migrations
        if how is None:
            return Migrated()
        state = migrations.read(how, self._once(rendered, how, how.pending))
        if dry_run or not state.pending:
            return Migrated(state.pending, state.leaves)
        self._once(rendered, how, how.apply, limited=True)
        after = migrations.read(how, self._once(rendered, how, how.pending))
        if after.pending:
            raise MigrationError(
                f"Still pending after migrating: {', '.join(after.pending)}.",
                hint=_NOTHING_STAYED if after.pending == state.pending else "",
            )
        return Migrated(state.pending, after.leaves)

    def start(self, rendered: Rendered, services: Sequence[str]) -> None:
        """First on the networks of the edge and of accessories, without alias: a name means its own release."""
        everyone = containers.listed(self._engine)
        ours = [c for c in everyone if c.project == rendered.name and c.service in services]
        others = [c for c in everyone if c.project != rendered.name and not c.one_off]
        self._seen = {name: [c for c in others if c.project == name] for name in {c.project for c in others}}
        self._connect(rendered, ours, everyone)
        older = [c for c in everyone if c.project == self._place.accessories and c.running and not c.restart]
        settled(lambda c: containers.come_back(self._engine, c), older)
        with self._hiding():
            inject(self._engine, self._filled(rendered.model), ours, self._named(rendered))
            Starting(self._engine, rendered.model, ours, self._settings.release.ready_within).run()

    def serve(
        self, candidate: Served, live: Served, *, to: str = "", elsewhere: Sequence[str] = (), here: bool = True
    ) -> None:
        """Changes the edge's configuration only where the routes differ from what it serves."""
        urls = (*((self._settings.url,) if here else ()), *elsewhere)
        self._edge.serve(routes.site(self._place, urls, candidate, live, to))

    def smoke_test(self, release: str, *, candidate: bool) -> None:
        """The candidate's with a key made for this deploy, which its end makes worthless."""
        headers = {}
        if candidate:
            key = secrets.token_urlsafe(24)
            self._edge.offer(release, key)
            headers = {names.CANDIDATE_HEADER: key}
        within = self._settings.smoke_within
        try:
            smoke.run(self._settings.smoke, self._settings.url, within, release=release, headers=headers)
        except SmokeTestError as error:
            record = self.release(release)
            wrong = list(listening.misdirected(self._engine, release, record.release.shape.routes if record else ()))
            raise SmokeTestError("\n".join((error.problem, *wrong)), hint=error.hint) from None

    def cutover(self, release: str) -> None:
        """Replace the file that the edge dials by."""
        self._edge.switch(release)

    def bake(self, release: str, seconds: float, look: Onlooker) -> None:
        """Smoke-test again and again, and see that no container ends or turns unhealthy."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
            for container in containers.of(self._engine, release):
                done = container.status.startswith("Exited (0)")  # a one-shot's end
                if (container.state in _ENDED and not done) or "unhealthy" in container.status:
                    words = redaction.hide(containers.last_words(self._engine, container.id), self._secrets)
                    raise RolloutError(f"{container.service} is {container.status} while baking:\n{words}")
            smoke.run(self._settings.smoke, self._settings.url, 5, release=release)
            look(time.monotonic() >= until)

    def drain(self, release: str, seconds: float) -> None:
        """Ask the edge how many requests it still passes on; what outlasts the limit is cut off by the stop.

        An edge that can't tell is asked for connections to the release's containers, which last a second longer.
        """
        until = time.monotonic() + seconds
        addresses: list[str] | None = None
        while True:
            busy = self._edge.requests_in_flight(release) if addresses is None else self._edge.connections(addresses)
            if busy is None:
                ours = containers.of(self._engine, release)
                addresses = [address for c in ours if (address := c.addresses.get(NETWORK))]
            elif not busy or time.monotonic() >= until:
                return
            else:
                time.sleep(DRAIN_POLL)

    def stop(self, release: str, services: Sequence[str]) -> None:
        """All at once, each with its own grace period."""
        ours = self._seen.get(release) or containers.of(self._engine, release)
        containers.stop(self._engine, [c for c in ours if c.running and (not services or c.service in services)])

    def resume(self, release: str, services: Sequence[str]) -> None:
        """All at once."""
        idle = [c for c in containers.of(self._engine, release) if c.service in services and not c.running]
        containers.start(self._engine, idle)

    def remove(self, release: str) -> None:
        """Containers and network."""
        containers.remove(self._engine, release)

    def _silent(self, rendered: Rendered) -> set[str]:
        """The routed services that the Compose file gives no healthcheck."""
        routed = {route.service for route in rendered.release.shape.routes}
        return {name for name in routed if not rendered.model["services"][name].get("healthcheck")}

    def _refuse_unwatched(self, rendered: Rendered, unwatched: Iterable[str]) -> None:
        """A routed service must say when it is ready, in the Compose file or its image: nobody can tell otherwise."""
        silent = self._silent(rendered)
        if names := sorted(silent & set(unwatched) if silent else ()):
            raise CheckError(
                f"{', '.join(names)} has no healthcheck, so nobody could tell when it is ready.",
                hint="give it one in the Compose file",
            )

    def _images_without_probe(self, rendered: Rendered) -> Iterator[str]:
        """Known once images are pulled, and before a migration; one that Compose is yet to pull is looked at later."""
        for name, settings in rendered.model["services"].items():
            image = self._images.get(self._name(settings.get("image", "")))
            if image is not None and not containers.probe(image.get("Config") or {}):
                yield name

    def _look_at_images(self, rendered: Rendered) -> None:
        """What the engine says of each of a release's images that it has."""
        names = sorted({self._name(settings.get("image", "")) for settings in rendered.model["services"].values()})
        found = together(lambda name: images.image(self._engine, name) if name else None, names)
        self._images = {name: image for name, image in zip(names, found, strict=True) if image}

    @contextmanager
    def _compose_socket(self, rendered: Rendered) -> Iterator[Path]:
        """What Compose speaks to; the engine itself where it may have to pull an image, or where little is known."""
        names = {self._name(settings.get("image", "")) for settings in rendered.model["services"].values()}
        if not self._answers or not names <= self._images.keys():
            yield self._engine.socket
            return
        known = self._answers | {f"/images/{name}/json": self._images[name] for name in names}
        with compose_socket.answering(self._engine, known) as socket:
            yield socket

    def _containers_without_probe(self, rendered: Rendered) -> Iterator[str]:
        for container in containers.of(self._engine, rendered.name):
            if not containers.healthcheck(self._engine, container.id):
                yield container.service

    def _connect(self, rendered: Rendered, ours: Sequence[Container], everyone: Sequence[Container]) -> None:
        """What a killed deploy connected already is left alone."""
        subnet = f"{self._environment.edge_network['Gateway']}/{self._environment.edge_network['IPPrefixLen']}"
        taken = {address for container in everyone if (address := container.addresses.get(NETWORK))}
        shape = rendered.release.shape
        routed = {route.service for route in shape.routes}
        wanted: list[tuple[Container, str, str]] = []
        for container in ours:
            if container.service in routed and NETWORK not in container.addresses:
                address = containers.choose_address(container.name, subnet, taken)
                taken.add(address)
                wanted.append((container, NETWORK, address))
            if shape.accessories and str(self._place) not in container.addresses:
                wanted.append((container, str(self._place), ""))
        settled(lambda what: containers.connect(self._engine, *what), wanted)

    def _once(self, rendered: Rendered, how: Migrations, argv: tuple[str, ...], *, limited: bool = False) -> str:
        model = migrations.one_off(rendered.model, how.service, str(self._place), rendered.release.shape)
        if limited:
            image = images.image_variables(self._engine, self._name(rendered.release.images.get(how.service, "")))
            model = migrations.limited(model, how, image)
        filled = self._runnable(quirks.adapt(model, (0, 0)))
        with self._hiding():
            try:
                said = compose.run_once(self._engine.socket, filled, how.service, argv, self._named(rendered))
            except RolloutError as error:
                raise MigrationError(error.problem) from error
        return said.out

    @contextmanager
    def _hiding(self) -> Iterator[None]:
        """What a program or a container said goes into an error without the secrets in it."""
        try:
            yield
        except TagshipError as error:
            if cut := self._engine.cut():  # what a program says of that is not to the point
                raise cut from None
            raise type(error)(redaction.hide(error.problem, self._secrets), hint=error.hint) from None

    def _name(self, image: str) -> str:
        """What the engine knows an image by."""
        if "@" in image and image not in self._known:
            self._known |= {image: image, **pulls.known(self._engine, [image])}
        return self._known.get(image, image)

    def _runnable(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """With everything filled in, each image as the engine knows it."""
        filled = self._filled(model)
        for service in filled["services"].values():
            if "image" in service:
                service["image"] = self._name(service["image"])
        return filled

    def _filled(self, model: Mapping[str, Any]) -> dict[str, Any]:
        filled: dict[str, Any] = markers.fill(quirks.adapt(model, self._engine.api), self._secrets)
        return filled

    def _named(self, rendered: Rendered) -> dict[str, str]:
        """Compose takes a secret or config by `environment:` from its own: those, and no others."""
        return {name: self._secrets[name] for name in markers.named(rendered.model) if name in self._secrets}
