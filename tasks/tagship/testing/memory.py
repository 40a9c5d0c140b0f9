"""An environment in memory, to test plans and their execution without an engine, an edge or waiting."""

from collections.abc import Callable, Mapping, Sequence
from typing import Self

from tagship.deploy.canary import Answers, Terms, UnderWay
from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated, Observed, Routing, Standing
from tagship.deploy.rollback_plan import Former, RollbackPlan, plan_way_back
from tagship.deploy.target import NOBODY, Listeners, Onlooker, gone, refuse_lost
from tagship.errors import MigrationError, RolloutError, SmokeTestError, TagshipError
from tagship.migrations.inspection import Change, Inspection
from tagship.names import Holder
from tagship.proof import ledger
from tagship.release.model import Record, Rendered, Served, served
from tagship.secret import Secret
from tagship.testing.project import MemoryProject

_ALL = 100
"""The share of a canary, in percent, with which every new visitor reaches it."""


class MemoryTarget:
    """The `LockedEnvironment` and `Target` of an environment in memory, which behaves like a server.

    `changes` lists what was changed, in order, one line each: `create shop-staging-…`. Observing, smoke-testing,
    draining and baking change nothing and add no line. `fails` maps the name of an effect to the error that it raises
    instead of happening, `MemoryTarget(fails={"start": RolloutError("it crashed")})`; without the entry, the effect
    works again.
    """

    def __init__(
        self,
        *,
        pending: Sequence[str] = (),
        accessories: Mapping[str, str] | None = None,
        fails: Mapping[str, TagshipError] | None = None,
    ) -> None:
        self.changes: list[str] = []
        self.left_by: Holder | None = None
        """Whose expired lock was taken over."""
        self.secrets: Mapping[str, Secret] = {}
        self.fails = dict(fails or {})
        self.live = ""
        self.candidate_served = self.live_served = Served(())
        """What the edge serves to requests with the deploy's key, and to all others."""
        self.here = True
        """Whether it serves them at the environment's URL."""
        self.under_way: UnderWay | None = None
        """The canary: a share of all visitors reaches its release."""
        self.elsewhere: tuple[str, ...] = ()
        """Other URLs at which it serves them."""
        self.pending = tuple(pending)
        """Migrations that the next `migrate` applies."""
        self.applied: tuple[str, ...] = ()
        self.changed: dict[str, Change] = {}
        """Migration → what its framework says of it. Default: the release before runs after it."""
        self.accessories = dict(accessories or {})
        """Accessory → the engine's state of its container."""
        self.ledger: list[str] = []
        self._images: set[str] = set()
        self._networks: set[str] = set()
        self._projects: dict[str, MemoryProject] = {}
        self._records: dict[str, Record] = {}
        self._to, self._clock = "", 0.0

    @classmethod
    def running(cls, *releases: Rendered) -> "MemoryTarget":
        """A target to which these releases were deployed in turn; `changes` is empty."""
        target = cls()
        for rendered in releases:
            previous = target.live
            target.pull(tuple(rendered.release.images.values()))
            target.prepare(rendered)
            target.create(rendered)
            target.start(rendered, rendered.order)
            target.serve(rendered.served, rendered.served)
            target.cutover(rendered.name)
            target.stop(previous, ())
            tag = rendered.release.version.tag
            target.record(ledger.Entry(str(target._clock), "deploy", ledger.GOOD, rendered.name, tag, previous))
        target.changes.clear()
        return target

    def observe(self) -> Observed:
        """Read everything that a plan depends on."""
        self._may_fail("observe")
        return Observed(
            live=self.live,
            live_record=self.release(self.live),
            key=b"key",
            releases=tuple(
                Standing(name, project.created, dict(project.running), dict(project.present), project.fresh)
                for name, project in sorted(self._projects.items(), key=lambda item: item[1].created)
            ),
            empty=tuple(sorted(self._networks - self._projects.keys())),
            accessories=dict(self.accessories),
            history=ledger.parse(tuple(self.ledger)),
            routing=self._routing(),
            canary=self.under_way,
        )

    def release(self, name: str) -> Record | None:
        """A release's record."""
        return self._records.get(name)

    def unfit(self, candidate: Candidate) -> list[str]:  # noqa: ARG002 - required by the protocol
        """None: its volumes never differ."""
        return []

    def now(self) -> str:
        """A fixed time."""
        return "2026-01-01T00:00:00+00:00"

    def target(self, candidate: Candidate | None = None) -> Self:
        """Itself; sets `secrets` to the candidate's."""
        self.secrets = candidate.secrets if candidate else {}
        return self

    def still_ours(self) -> None:
        """The lock is never lost, unless `fails` has an entry."""
        self._may_fail("still_ours")

    def pull(self, images: Sequence[str]) -> None:
        """Add images."""
        self._may_fail("pull")
        self._images.update(images)
        self._changed("pull", *images)

    def revive(self, accessories: Sequence[str]) -> None:
        """Start stopped accessories."""
        self._may_fail("revive")
        self.accessories |= dict.fromkeys(accessories, "running")
        self._changed("revive", *accessories)

    def prepare(self, rendered: Rendered) -> None:
        """Store a release's record and create its network."""
        self._may_fail("prepare")
        self._records[rendered.name] = rendered.record
        self._networks.add(rendered.name)
        self._changed("prepare", rendered.name)

    def create(self, rendered: Rendered) -> None:
        """Create missing containers. Raises RolloutError without the release's network or images."""
        self._may_fail("create")
        if rendered.name not in self._networks:
            raise RolloutError(f"There is no network {rendered.name}.")
        for image in sorted(set(rendered.release.images.values()) - self._images):
            raise RolloutError(f"There is no image {image}.")
        present = {service: rendered.replicas(service) for service in rendered.order}
        self._clock += 1
        self._projects.setdefault(rendered.name, MemoryProject(self._clock, {})).present = present
        self._changed("create", rendered.name)

    def ask(self, rendered: Rendered) -> None:  # noqa: ARG002 - required by the protocol
        """Do nothing: `migrate` knows the pending migrations."""
        self._may_fail("ask")

    def foresee(self, candidate: Candidate, former: Former) -> Migrated:
        """What is pending."""
        return self.migrate(candidate.rendered, former, dry_run=True)

    def migrate(
        self, rendered: Rendered, former: Former, *, dry_run: bool = False, listeners: Listeners = NOBODY
    ) -> Migrated:
        """Apply the `pending` migrations. An app's leaf is its last applied migration."""
        self._may_fail("migrate")
        how = rendered.release.shape.migrations
        if how is None:
            return Migrated()
        pending = self.pending
        changes = tuple(self.changed.get(name, Change(name)) for name in pending)
        before, compatible = self._leaves(), how.compatible
        way = plan_way_back(former, rendered.name, Inspection(changes), before=before, compatible=compatible)
        if pending and way:
            listeners.declare(way)
        if pending and not dry_run:
            self.applied, self.pending = self.applied + pending, ()
            self._changed("migrate", *pending)
        return Migrated(pending, self._leaves(), way, changes)

    def reverse(
        self,
        rendered: Rendered,
        plan: RollbackPlan,
        listeners: Listeners = NOBODY,  # noqa: ARG002 - required by the protocol
    ) -> Migrated:
        """Make the plan's migrations pending again. Raises MigrationError for a release without migrations."""
        self._may_fail("reverse")
        if rendered.release.shape.migrations is None:
            raise MigrationError(f"{rendered.name} has no migrations.")
        self.applied = tuple(name for name in self.applied if name not in plan.migrations)
        self.pending = (*reversed(plan.migrations), *self.pending)
        self._changed("reverse", *plan.migrations)
        return Migrated((), self._leaves())

    def _leaves(self) -> tuple[str, ...]:
        return tuple(sorted({name.partition(".")[0]: name for name in self.applied}.values()))

    def start(self, rendered: Rendered, services: Sequence[str]) -> None:
        """Start the existing containers of these services that don't run."""
        self._may_fail("start")
        project = self._project(rendered.name)
        refuse_lost(rendered, services, project.present)
        if idle := project.run(services):
            self._changed("start", rendered.name, *idle)

    def keep_assets(self, rendered: Rendered, live: str) -> None:  # noqa: ARG002 - required by the protocol
        """Keep a release's assets."""
        self._may_fail("keep_assets")
        self._changed("keep_assets", rendered.name)

    def serve(
        self, candidate: Served, live: Served, *, to: str = "", elsewhere: Sequence[str] = (), here: bool = True
    ) -> None:
        """Serve these routes; no change if it already does."""
        self._may_fail("serve")
        now = (candidate, live, to, tuple(elsewhere), here)
        if now != (self.candidate_served, self.live_served, self._to, self.elsewhere, self.here):
            self.candidate_served, self.live_served, self._to, self.elsewhere, self.here = now
            self._changed("serve", *(route.path for route in candidate.routes), *elsewhere)

    def smoke_test(self, release: str, *, candidate: bool) -> None:
        """Pass if a request would reach the release and each routed service runs. Raises SmokeTestError."""
        self._may_fail("smoke_test")
        routes = (self.candidate_served if candidate else self._everyones()).routes
        if not routes:
            raise SmokeTestError("GET /: no route")
        everyones = self.under_way.release if self.under_way and self.under_way.share == _ALL else self.live
        answers = release if candidate else everyones
        if down := sorted({route.service for route in routes} - set(self._project(answers).running)):
            raise SmokeTestError(f"GET /: {', '.join(down)} doesn't answer")
        if answers != release:
            raise SmokeTestError(f"GET /: {answers} answered, not {release}")

    def cutover(self, release: str) -> None:
        """Switch traffic."""
        self._may_fail("cutover")
        self.live, self.under_way = release, None
        self._changed("cutover", release)

    def canary(self, release: str, terms: Terms, tell: Callable[[str], object]) -> tuple[Answers, Answers]:  # noqa: ARG002 - required by the protocol
        """Give it its share, which stays, also if it fails; nobody asks for anything meanwhile."""
        self.under_way = UnderWay(release, terms.share)
        self._changed("canary", release)
        self._may_fail("canary")
        return Answers(), Answers()

    def end_canary(self) -> None:
        """Send all visitors to the live release."""
        self._may_fail("end_canary")
        self.under_way = None
        self._changed("end_canary")

    def hold(self, release: str, seconds: float) -> None:  # noqa: ARG002 - required by the protocol
        """Somebody accepts it at once."""
        self._may_fail("hold")

    def bake(self, release: str, seconds: float, look: Onlooker) -> None:  # noqa: ARG002 - required by the protocol
        """Call `look` once, without waiting."""
        self._may_fail("bake")
        look(True)  # noqa: FBT003 - required by the protocol

    def drain(self, release: str, seconds: float, quiet: float = 0) -> None:  # noqa: ARG002 - required by the protocol
        """Nothing: no request is ever in flight."""
        self._may_fail("drain")

    def stop(self, release: str, services: Sequence[str]) -> None:
        """Stop these services, or all."""
        self._may_fail("stop")
        if stopped := self._project(release).stop(services):
            self._changed("stop", release, *stopped)

    def resume(self, release: str, services: Sequence[str]) -> None:
        """Start stopped services. Raises RolloutError for those without a container."""
        self._may_fail("resume")
        project = self._project(release)
        if idle := project.run(services):
            self._changed("resume", release, *idle)
        if lost := [service for service in services if not project.present.get(service)]:
            raise gone(release, lost)

    def remove(self, release: str) -> None:
        """Remove a release's containers and network; do nothing if they don't exist."""
        self._may_fail("remove")
        if self._projects.pop(release, None) or release in self._networks:
            self._networks.discard(release)
            self._changed("remove", release)

    def record(self, entry: ledger.Entry) -> None:
        """Append to the ledger."""
        self._may_fail("record")
        self.ledger.append(ledger.line(entry, self.ledger[-1] if self.ledger else ""))
        self._changed("record")

    def _routing(self) -> Routing:
        live = self.release(self.live)
        wanted = served(live.release.shape.routes, self._project(self.live).present) if live else Served(())
        there = (self.candidate_served, self._everyones())
        anything = there != (Served(()), Served(()))
        stands = there == (wanted, wanted) and self.live_served == wanted and not self.elsewhere
        here = self.here and anything
        return Routing(stands and (here or not anything), here, self.elsewhere if anything else ())

    def _everyones(self) -> Served:
        """The live routes, which change with the cutover to the release that they wait for."""
        return self.candidate_served if self._to and self._to == self.live else self.live_served

    def _project(self, release: str) -> MemoryProject:
        """A release's containers; none if there is no such release."""
        return self._projects.get(release) or MemoryProject(0, {})

    def _may_fail(self, effect: str) -> None:
        if effect in self.fails:
            raise self.fails[effect]

    def _changed(self, effect: str, *what: str) -> None:
        self.changes.append(" ".join((effect, *what)))
