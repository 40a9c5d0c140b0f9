"""Performs each planned effect on a real server, through its engine and its edge."""

import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from tagship import names
from tagship.checks import smoke
from tagship.deploy.canary import Answers, Terms
from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.rollback_plan import Former, RollbackPlan
from tagship.deploy.target import NOBODY, Listeners, Onlooker, gone, refuse_lost
from tagship.edge import routes
from tagship.edge.addresses import Addresses
from tagship.edge.caddy import NAME, NETWORK, refuse_old
from tagship.edge.state import ACCEPTED, REJECTED, WAITS, Files
from tagship.edge.traffic import Edge
from tagship.engine import containers, networks, volumes
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.injection import inject
from tagship.engine.readiness import Starting
from tagship.errors import EngineError, LockedError, RolloutError, SmokeTestError
from tagship.images import pulls
from tagship.images.credentials import Credentials
from tagship.names import Holder
from tagship.project.migration_settings import CredentialSettings
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.release.model import Record, Rendered, Served
from tagship.reporting import redaction
from tagship.secret import Secret
from tagship.server import assets, canary, listening, unwatched
from tagship.server.attach import attachments
from tagship.server.composer import Composer
from tagship.server.drain import drain
from tagship.server.lease import Lease
from tagship.server.migration import BackUp, Given, Migration
from tagship.server.observe import Reader
from tagship.server.watch import Watch
from tagship.system.parallel import ahead, settled

_BAKING = 5
"""Time limit in seconds of the smoke tests while a release bakes."""


class LockedServer(Reader):
    """The `LockedEnvironment` of a real server, with its edge running."""

    def __init__(  # noqa: PLR0913 - what one environment consists of
        self,
        engine: Engine,
        edge: Edge,
        settings: Environment,
        *,
        edge_container: Mapping[str, Any],
        lease: Lease,
        credentials: Credentials,
        back_up: BackUp | None = None,
    ) -> None:
        at = Addresses.of(settings)
        super().__init__(engine, edge, settings.place, at, planning=True, maintenance=settings.maintenance)
        self.engine, self.edge, self.settings, self.lease = engine, edge, settings, lease
        self.credentials = credentials
        self.back_up = back_up
        """Called before migrations are applied."""
        self.images: Callable[[], pulls.Listed] = lambda: pulls.listed(engine)
        """The engine's images, as listed with the last observation."""
        self.edge_network = edge_container["NetworkSettings"]["Networks"][NETWORK]

    @property
    def left_by(self) -> Holder | None:
        """Whose expired lock was taken over."""
        return self.lease.took_over.holder if self.lease.took_over else None

    def now(self) -> str:
        """The time by the engine's clock, ISO 8601."""
        return datetime.fromtimestamp(self.engine.now(), UTC).isoformat(timespec="seconds")

    def observe(self) -> Observed:
        """Read everything that a plan depends on, and create what a first deploy lacks.

        Raises CheckError for an old Caddy.
        """
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

    def gone(self, network: str) -> None:
        """Note that a network was removed since they were listed."""
        self._networks = [found for found in self._networks if found["Name"] != network]

    def target(self, candidate: Candidate | None = None) -> "Server":
        """The target for a plan, with the candidate's secrets."""
        return Server(self, candidate.secrets if candidate else {})

    def record(self, entry: ledger.Entry) -> None:
        """Append to the ledger, after the line last read or written.

        Somebody else writes in between only if our lock was freed; then ours follows theirs.
        """
        entry = replace(entry, why=redaction.hide_secrets(entry.why))
        before = self._last
        line = ledger.line(entry, before)
        other = self.edge.append(line, before)
        while other is not None:
            # bytes that are no text are never the same as what was read of them
            garbled, before = other == before, other
            line = ledger.line(entry, before)
            other = self.edge.append(line, None if garbled else before)
        self._last = line


class Server:
    """The `Target` of a real environment: acts on its containers and its edge."""

    def __init__(self, environment: LockedServer, secrets: Mapping[str, Secret]) -> None:
        self._environment = environment
        self._secrets = secrets
        self._engine, self._edge, self._lease = environment.engine, environment.edge, environment.lease
        self._settings = environment.settings
        self._place = environment.settings.place
        self._composer = Composer(environment.engine, secrets)
        self._seen: dict[str, list[Container]] = {}
        """Other releases' containers, as listed when this one's were started."""
        self._offered = ("", "")
        """The release that is reached with a key, and that key."""
        self._migration: Migration | None = None
        """The migration whose listing was started."""

    def observe(self) -> Observed:
        """Read everything that a plan depends on."""
        return self._environment.observe()

    def release(self, name: str) -> Record | None:
        """A release's record."""
        return self._environment.release(name)

    def record(self, entry: ledger.Entry) -> None:
        """Append to the ledger."""
        self._environment.record(entry)

    def still_ours(self) -> None:
        """Start a check of the lock; raise the result of the previous one."""
        self._lease.check()

    def pull(self, images: Sequence[str]) -> None:
        """Pull missing images, all at once; existing ones cost no request to the registry."""
        self._composer.pull(images, self._environment.credentials, self._environment.images())

    def revive(self, accessories: Sequence[str]) -> None:
        """Start the existing containers; a deploy doesn't need the accessories' Compose file for this."""
        project = self._place.accessories
        ours = [c for c in containers.of(self._engine, project) if c.service in accessories]
        model = {"name": project, "services": {name: {} for name in accessories}}
        with self._composer.hiding():
            Starting(self._engine, model, ours, self._settings.release.ready_within).run()

    def prepare(self, rendered: Rendered) -> None:
        """Store the record first, so that any live release can be rendered again. For Compose, the rest is external."""
        kept = ahead(lambda: self._edge.keep(rendered.name, ledger.encode_record(rendered.record)))
        looked = ahead(lambda: self._composer.look(rendered))
        if unwatched.possible(rendered):
            looked()
            unwatched.refuse_images(rendered, self._composer)
        labels = {"tagship.app": self._place.app, "tagship.environment": self._place.environment}
        within = self._settings.edge.networks
        size = networks.prefix_for(sum(map(rendered.replicas, rendered.order)))
        there = self._environment.networks
        network = networks.ensure(self._engine, rendered.name, within, prefix=size, labels=labels, there=there)
        kept()
        looked()
        self._composer.know(network)
        volumes.ensure(self._engine, rendered.volumes, labels, self._secrets)

    def create(self, rendered: Rendered) -> None:
        """Create the containers with Compose, on the release's own network."""
        self._composer.create(rendered)
        unwatched.refuse_containers(rendered, self._engine)

    def ask(self, rendered: Rendered) -> None:
        """List the pending migrations in a thread, because the app starts slowly."""
        self._migration = self._migrating(rendered)
        self._migration.ask()

    def migrate(
        self, rendered: Rendered, former: Former, *, dry_run: bool = False, listeners: Listeners = NOBODY
    ) -> Migrated:
        """List, declare the way back, apply, and check again."""
        migration = self._migration or self._migrating(rendered)
        return migration.run(former, dry_run=dry_run, listeners=listeners)

    def _migrating(self, rendered: Rendered) -> Migration:
        settings = self._settings.release.migrations
        lint = settings.lint if settings else None
        back_up = self._environment.back_up
        return Migration(
            self._engine, self._composer, self._place, rendered, lint=lint, back_up=back_up,
            credentials=_leased(settings.credentials) if settings and settings.credentials else None,
        )  # fmt: skip

    def reverse(self, rendered: Rendered, plan: RollbackPlan, listeners: Listeners = NOBODY) -> Migrated:
        """Reverse with the newer image, on the newer release's network, which is made again if it is gone."""
        self.pull(sorted(set(rendered.release.images.values())))
        self.prepare(rendered)
        return self._migrating(rendered).reverse(plan, listeners)

    def start(self, rendered: Rendered, services: Sequence[str]) -> None:
        """Connect the containers to the networks without an alias, so that a name means its own release; then start."""
        everyone = containers.listed(self._engine)
        containers.remove_unstarted(self._engine, [c for c in everyone if c.project == rendered.name])
        lasting = [c for c in everyone if not c.one_off]
        there = [c for c in lasting if c.project == rendered.name and c.service in services]
        refuse_lost(rendered, services, _counted(there))
        ours = self._settled(there)
        others = [c for c in lasting if c.project != rendered.name]
        self._seen = {name: [c for c in others if c.project == name] for name in {c.project for c in others}}
        wanted = attachments(rendered, self._place, ours, everyone, self._environment.edge_network)
        older = [c for c in everyone if c.project == self._place.accessories and c.running and not c.restart]
        try:
            settled(lambda what: containers.connect(self._engine, *what), wanted)
            settled(lambda c: containers.come_back(self._engine, c), older)
            with self._composer.hiding():
                inject(self._engine, self._composer.filled(rendered.model), ours, self._composer.variables(rendered))
                Starting(self._engine, rendered.model, ours, self._settings.release.ready_within).run()
        except EngineError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                refuse_lost(rendered, services, _counted(containers.of(self._engine, rendered.name)))
            raise

    def _settled(self, ours: Sequence[Container]) -> list[Container]:
        """The same containers, once those that a killed deploy was stopping have ended, so that they can be started."""
        ending = [c for c in ours if containers.is_ending(self._engine, c)]
        containers.stop(self._engine, ending)
        return [replace(c, state="exited") if c in ending else c for c in ours]

    def keep_assets(self, rendered: Rendered, live: str) -> None:
        """Copy them from the containers to the edge's volume."""
        ours = [route for route in rendered.release.shape.routes if route.assets]
        assets.keep(self._engine, self._edge, rendered.name, live, ours)

    def serve(
        self, candidate: Served, live: Served, *, to: str = "", elsewhere: Sequence[str] = (), here: bool = True
    ) -> None:
        """Change the edge's configuration only if the routes differ from those that it serves."""
        at = Addresses.of(self._settings) if here else Addresses()
        urls, closed = (*at.urls, *elsewhere), self._settings.maintenance
        self._edge.serve(routes.site(self._place, urls, candidate, live, to, closed, at.moved))

    def smoke_test(self, release: str, *, candidate: bool) -> None:
        """Run the smoke tests; for the candidate, with a key that is only valid for this deploy."""
        try:
            self._smoke(release, self._settings.smoke_within, candidate=candidate)
        except SmokeTestError as error:
            record = self.release(release)
            wrong = list(listening.misdirected(self._engine, release, record.release.shape.routes if record else ()))
            raise SmokeTestError("\n".join((error.problem, *wrong)), hint=error.hint) from None

    def _smoke(self, release: str, within: float, *, candidate: bool = False) -> None:
        """Run the smoke tests like any client; during maintenance, also with a key that visitors don't have."""
        behind = candidate or self._environment.closed
        try:
            headers = self._key(release) if behind else {}
            smoke.run(self._settings.smoke, self._settings.url, within, release=release, headers=headers)
        except SmokeTestError:
            if behind or not self._edge.closed:  # which somebody may have turned on meanwhile
                raise
            self._environment.closed = True
            self._smoke(release, within)

    def _key(self, release: str) -> Mapping[str, str]:
        """The header of a request that reaches this release whatever is live, valid for this deploy."""
        if self._offered[0] != release:
            self._offered = (release, secrets.token_urlsafe(24))
            self._edge.offer(*self._offered)
        return {names.CANDIDATE_HEADER: self._offered[1]}

    def hold(self, release: str, seconds: float) -> None:
        """Ask the edge once a second what people decided. Afterwards the link and its cookie are void."""
        with self._deciding(release):
            self._edge.hold()
            until = time.monotonic() + seconds
            while self._edge.decision() == WAITS and time.monotonic() < until:
                time.sleep(min(1.0, max(0.0, until - time.monotonic())))
                self._lease.check()
        decision = self._decided()
        if decision != ACCEPTED:
            why = "was rejected" if decision == REJECTED else f"was not accepted within {seconds:g} s"
            raise RolloutError(f"{release} {why}.", hint="change it and deploy again, or deploy without --hold")

    def canary(self, release: str, terms: Terms, tell: Callable[[str], object]) -> tuple[Answers, Answers]:
        """Watch what a bake watches, and the edge's access log."""
        self._lease.confirm()  # another deploy may have stopped the candidate
        watch = Watch(self._engine, release, self._secrets)
        tally = canary.Tally(self._engine, NAME, self._place)

        def look() -> None:
            self._lease.check()
            self._look(watch, "during its canary", release, candidate=True)

        with self._deciding(release), contextlib.closing(tally):
            canary.run(self._edge, release, terms, tally, look, watch.words, tell)
            counts = tally.counts
        if self._decided() == REJECTED:  # after the last look
            raise canary.rejected(release, counts, terms)
        return counts

    @contextlib.contextmanager
    def _deciding(self, release: str) -> Iterator[None]:
        """People may decide about a candidate meanwhile. If this fails, they no longer may.

        Without the lock, what waits may be another deploy's candidate by now.
        """
        self._key(release)
        try:
            yield
        except LockedError:
            self._offered = ("", "")
            raise
        except BaseException:
            self._decided()
            raise

    def _decided(self) -> str:
        """The last decision. From now on, the link and its cookie are void."""
        self._offered = ("", "")
        return self._edge.end_hold(secrets.token_urlsafe(24))

    def end_canary(self) -> None:
        """Replace the file with the name of its cookies."""
        self._edge.end_canary()

    def cutover(self, release: str) -> None:
        """Replace the file from which the edge reads the live release."""
        self._edge.switch(release)

    def bake(self, release: str, seconds: float, look: Onlooker) -> None:
        """Repeat the smoke tests, and check that no container ends, is restarted or becomes unhealthy."""
        watch = Watch(self._engine, release, self._secrets)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
            self._look(watch, "while baking", release)
            look(time.monotonic() >= until)

    def _look(self, watch: Watch, when: str, release: str, *, candidate: bool = False) -> None:
        """Raises RolloutError for a container, or SmokeTestError if the containers say nothing of why it failed."""
        watch.look(when)
        try:
            self._smoke(release, _BAKING, candidate=candidate)
        except SmokeTestError:
            watch.look(when)
            raise

    def drain(self, release: str, seconds: float, quiet: float = 0) -> None:
        """Wait until no request to a release is in flight."""
        drain(self._engine, self._edge, release, seconds, quiet)

    def stop(self, release: str, services: Sequence[str]) -> None:
        """Stop containers, all at once, each with its own grace period."""
        ours = self._seen.get(release) or containers.of(self._engine, release)
        containers.stop(self._engine, [c for c in ours if c.running and (not services or c.service in services)])

    def resume(self, release: str, services: Sequence[str]) -> None:
        """Start stopped containers, all at once."""
        there = containers.of(self._engine, release)
        containers.start(self._engine, [c for c in there if c.service in services and not c.running])
        left = _counted(there)
        if lost := [service for service in services if not left[service]]:
            raise gone(release, lost)

    def remove(self, release: str) -> None:
        """Remove the containers, including one that still lists migrations, and the network."""
        asking = self._migration is not None and self._migration.only_asked
        containers.remove(self._engine, release, one_offs=asking)
        self._environment.gone(release)


def _counted(there: Iterable[Container]) -> Counter[str]:
    """Service → the number of its containers, without one-off ones."""
    return Counter(container.service for container in there if not container.one_off)


def _leased(settings: CredentialSettings) -> Given:
    """Vault's credentials for the commands that change the schema."""
    from tagship.variables.lease import leased  # noqa: PLC0415 - few deploys need it

    return partial(leased, settings)
