"""An environment on a real server: each planned effect, through its engine and its edge."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tagship.checks import smoke
from tagship.deploy.target import Migrated, Observed, Routing, Standing
from tagship.engine import compose, containers, networks, volumes
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.injection import inject
from tagship.engine.readiness import Starting
from tagship.errors import CheckError, MigrationError, RolloutError, SmokeTestError, TagshipError
from tagship.images import pulls
from tagship.images.credentials import Credentials
from tagship.migrations import frameworks as migrations
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.release import render
from tagship.release.model import Migrations, Place, Record, Release, Rendered, Route, Served, served
from tagship.server import listening, routes, sites
from tagship.server.edge import NETWORK, Edge, refuse_old
from tagship.server.lease import Lease

DRAIN_POLL = 0.05
_ANY = Served((Route("/*", "any", 80),))

_NOTHING_STAYED = (
    "each command runs in a container of its own: a database inside it, as SQLite's file is, goes with it; "
    "keep the file on a volume, or the database in an accessory"
)

Onlooker = Callable[[bool], object]
"""Called about every second while a release bakes, at last with True; raises TagshipError to end it."""
_ENDED = frozenset({"restarting", "exited", "dead"})


class Reader:
    """Looks at an environment without changing anything; a server that has no edge yet has nothing to see."""

    def __init__(
        self, engine: Engine, edge: Edge | None, place: Place, url: str = "", *, planning: bool = False
    ) -> None:
        """`planning`: look at what only a plan needs to know, too."""
        self._engine = engine
        self._files = edge
        self._place = place
        self._url = url
        self._ledger: tuple[str, ...] = ()
        self._prepare = False
        self._planning = planning

    def observe(self) -> Observed:
        """Two calls: the engine's containers, the edge's files."""
        if self._files is None:
            return Observed()
        files = self._files.read(prepare=self._prepare)
        if self._prepare:
            refuse_old(files.caddy)
        self._ledger = files.ledger
        everyone = containers.listed(self._engine)
        releases = containers.standings(everyone, self._place)
        standing = next((release for release in releases if release.name == files.live), None)
        record, bad = ledger.decode_record(files.record), ledger.unreadable(files.ledger)
        return Observed(
            live=files.live,
            live_record=record,
            key=files.key,
            releases=releases,
            empty=self._empty(releases) if self._planning else (),
            one_offs=tuple(c.name for c in everyone if c.one_off and c.running and self._place.owns(c.project)),
            accessories=containers.accessories(everyone, self._place),
            disk_free=files.disk_free,
            memory_free=files.memory_free,
            history=ledger.parse(files.ledger),
            remarks=(
                *(f"passed over a line of the ledger that is none: {line[:40]}…" for line in bad),
                *((f"the record of {files.live} can't be read",) if files.record and record is None else ()),
            ),
            routing=self._routing(files.http, record.release if record else None, standing),
        )

    def _routing(self, http: routes.Json, live: Release | None, standing: Standing | None) -> Routing:
        """What the edge serves beside what it should; without a URL to be served at, nothing can be wrong."""
        if not self._url:
            return Routing()
        wanted = served(live.shape.routes, standing.present if standing else {}) if live else Served(())
        at = sites.addresses(http, self._place)
        site = routes.site(self._place, [self._url], wanted, wanted)
        hosts = site or routes.site(self._place, [self._url], _ANY, _ANY)  # who has none yet will want some
        other = sites.taken(http, self._place, hosts)
        return Routing(
            taken=f"{other[0]} is served as {other[1]}" if other else "",
            stands=sites.stand(http, self._place, site),
            here=any(sites.same(self._url, url) for url in at),
            elsewhere=tuple(url for url in at if not sites.same(self._url, url)),
        )

    def _empty(self, releases: Sequence[Standing]) -> tuple[str, ...]:
        return networks.releases(self._engine, self._place, but={release.name for release in releases})

    def unfit(self, rendered: Rendered, secrets: Mapping[str, str]) -> list[str]:
        """What stands on the server and isn't as the release's Compose file says: volumes."""
        if not rendered.model.get("volumes"):
            return []
        there = volumes.existing(self._engine)
        return list(volumes.findings(rendered.volumes, rendered.external_volumes, there, secrets))

    def release(self, name: str) -> Record | None:
        """What was kept of a release."""
        raw = self._files.record(name) if name and self._files else b""
        return ledger.decode_record(raw)


class Server(Reader):
    """The `Target` of a real environment. Holds secret values; hands them to Compose alone."""

    def __init__(  # noqa: PLR0913 - what one environment consists of
        self,
        engine: Engine,
        edge: Edge,
        place: Place,
        *,
        edge_container: Mapping[str, Any],
        lease: Lease,
        settings: Environment,
        credentials: Credentials,
    ) -> None:
        super().__init__(engine, edge, place, settings.url, planning=True)
        self._prepare = True
        self._credentials = credentials
        self.secrets: Mapping[str, str] = {}
        self._known: dict[str, str] = {}
        """Image → what the engine knows it by."""
        self.onlooker: Onlooker | None = None
        """Looks on while a release bakes."""
        self._edge = edge
        self._edge_network = edge_container["NetworkSettings"]["Networks"][NETWORK]
        self._lease = lease
        self._settings = settings

    def still_ours(self) -> None:
        """Write the lease's expiry, which fails when the lease is gone."""
        self._lease.check()

    def pull(self, images: Sequence[str]) -> None:
        """All at once; one that is there already costs no word with the registry."""
        self._known |= pulls.bring(self._engine, images, self._credentials)

    def revive(self, accessories: Sequence[str]) -> None:
        """As the engine has them: a deploy doesn't know their Compose file, and needn't."""
        project = f"{self._place}-accessories"
        ours = [c for c in containers.of(self._engine, project) if c.service in accessories]
        model = {"name": project, "services": {name: {} for name in accessories}}
        with self._hiding():
            Starting(self._engine, model, ours, self._settings.release.ready_within).run()

    def prepare(self, rendered: Rendered) -> None:
        """The record first, so that whatever becomes live can be rendered again. Compose takes the rest as external."""
        self._refuse_unwatched(rendered, self._images_without_probe(rendered))
        self._edge.keep(rendered.name, ledger.encode_record(rendered.record))
        labels = {"tagship.app": self._place.app, "tagship.environment": self._place.environment}
        within = self._settings.edge.networks
        size = networks.prefix_for(sum(map(rendered.replicas, rendered.order)))
        networks.ensure(self._engine, rendered.name, within, prefix=size, labels=labels)
        volumes.ensure(self._engine, rendered.volumes, labels, self.secrets)

    def create(self, rendered: Rendered) -> None:
        """By Compose, on the release's own network."""
        with self._hiding():
            compose.create(self._engine.socket, self._runnable(rendered.model), self._named(rendered))
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
        self._connect(rendered, ours, everyone)
        older = [c for c in everyone if c.project == f"{self._place}-accessories" and c.running and not c.restart]
        containers.together(lambda c: containers.come_back(self._engine, c), older)
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
            headers = {routes.CANDIDATE_HEADER: key}
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

    def bake(self, release: str, seconds: float) -> None:
        """Smoke-test again and again, and see that no container ends or turns unhealthy."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
            for container in containers.of(self._engine, release):
                done = container.status.startswith("Exited (0)")  # a one-shot's end
                if (container.state in _ENDED and not done) or "unhealthy" in container.status:
                    words = render.hide(containers.last_words(self._engine, container.id), self.secrets)
                    raise RolloutError(f"{container.service} is {container.status} while baking:\n{words}")
            smoke.run(self._settings.smoke, self._settings.url, 5, release=release)
            if self.onlooker:
                self.onlooker(time.monotonic() >= until)

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
        ours = containers.of(self._engine, release)
        containers.stop(self._engine, [c for c in ours if c.running and (not services or c.service in services)])

    def resume(self, release: str, services: Sequence[str]) -> None:
        """All at once."""
        idle = [c for c in containers.of(self._engine, release) if c.service in services and not c.running]
        containers.start(self._engine, idle)

    def remove(self, release: str) -> None:
        """Containers and network."""
        containers.remove(self._engine, release)

    def record(self, entry: ledger.Entry) -> None:
        """Append to the ledger, after the line last read or written: under the lock nobody else writes."""
        line = ledger.line(entry, self._ledger[-1] if self._ledger else "")
        self._edge.append(line)
        self._ledger = (*self._ledger, line)

    def _refuse_unwatched(self, rendered: Rendered, unwatched: Iterable[str]) -> None:
        """A routed service must say when it is ready, in the Compose file or its image: nobody can tell otherwise."""
        routed = {route.service for route in rendered.release.shape.routes}
        silent = {name for name in routed if not rendered.model["services"][name].get("healthcheck")}
        if names := sorted(silent & set(unwatched) if silent else ()):
            raise CheckError(
                f"{', '.join(names)} has no healthcheck, so nobody could tell when it is ready.",
                hint="give it one in the Compose file",
            )

    def _images_without_probe(self, rendered: Rendered) -> Iterator[str]:
        """Known once images are pulled, and before a migration; one that Compose is yet to pull is looked at later."""
        for name, settings in rendered.model["services"].items():
            config = containers.image_config(self._engine, settings.get("image", ""))
            if config is not None and not containers.probe(config):
                yield name

    def _containers_without_probe(self, rendered: Rendered) -> Iterator[str]:
        for container in containers.of(self._engine, rendered.name):
            if not containers.healthcheck(self._engine, container.id):
                yield container.service

    def _connect(self, rendered: Rendered, ours: Sequence[Container], everyone: Sequence[Container]) -> None:
        """What a killed deploy connected already is left alone."""
        subnet = f"{self._edge_network['Gateway']}/{self._edge_network['IPPrefixLen']}"
        taken = {address for container in everyone if (address := container.addresses.get(NETWORK))}
        shape = rendered.release.shape
        routed = {route.service for route in shape.routes}
        for container in ours:
            if container.service in routed and NETWORK not in container.addresses:
                address = containers.choose_address(container.name, subnet, taken)
                taken.add(address)
                containers.connect(self._engine, container, NETWORK, address)
            if shape.accessories and str(self._place) not in container.addresses:
                containers.connect(self._engine, container, str(self._place))

    def _once(self, rendered: Rendered, how: Migrations, argv: tuple[str, ...], *, limited: bool = False) -> str:
        model = migrations.one_off(rendered.model, how.service, str(self._place), rendered.release.shape)
        if limited:
            image = containers.image_variables(self._engine, self._name(rendered.release.images.get(how.service, "")))
            model = migrations.limited(model, how, image)
        filled = self._runnable(render.adapt(model, (0, 0)))
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
            raise type(error)(render.hide(error.problem, self.secrets), hint=error.hint) from None

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
        filled: dict[str, Any] = render.fill(render.adapt(model, self._engine.api), self.secrets)
        return filled

    def _named(self, rendered: Rendered) -> dict[str, str]:
        """Compose takes a secret or config by `environment:` from its own: those, and no others."""
        return {name: self.secrets[name] for name in render.named(rendered.model) if name in self.secrets}
