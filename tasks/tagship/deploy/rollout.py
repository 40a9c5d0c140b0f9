"""Plans how a release becomes live, the steps in their order, and how a failed rollout is undone. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tagship.deploy.canary import Terms
from tagship.deploy.observed import Observed, Routing, Standing
from tagship.deploy.prune import plan_prune, stopped
from tagship.deploy.steps import (
    Ask,
    Bake,
    Canary,
    Create,
    Cutover,
    Drain,
    EndCanary,
    Hold,
    KeepAssets,
    Migrate,
    Plan,
    Prepare,
    Pull,
    Remove,
    Resume,
    Reverse,
    Revive,
    Serve,
    SmokeTest,
    Start,
    Stop,
)
from tagship.release.model import Release, Rendered, Served, served

RECOVERY_DRAIN = 5.0
"""Seconds for requests to a failed release to finish: a cancelled CI job has ten before it is killed."""
CANARY_DRAIN = 30.0
"""The same after a canary, whose visitors are the public; if the job is killed meanwhile, the next deploy goes on."""
QUIET = 0.5
"""Seconds without a request in flight before a routed singleton is stopped, right after the cutover."""
HELD_DRAIN = 5.0
"""Seconds for its requests to finish: meanwhile the edge holds the next ones, for ten seconds at most."""


@dataclass(frozen=True)
class GoodRelease:
    """The release that a failed rollout goes back to."""

    name: str = ""
    release: Release | None = None
    """From its record."""
    running: Mapping[str, int] = field(default_factory=dict)
    """Service → how many of its containers ran before."""
    routing: Routing | None = None
    """How the edge served it before."""


@dataclass(frozen=True)
class Patience:
    """Time limits in seconds, and how many stopped releases are kept."""

    drain: float = 30
    bake: float = 0
    keep: int = 5
    hold: float = 0
    """How long a candidate waits for a person's decision; 0 for not at all."""
    canary: Terms | None = None


def changes(plan: Plan) -> bool:
    """Whether a plan does more than smoke tests."""
    return any(not isinstance(step, SmokeTest) for step in plan)


def plan_rollout(
    new: Rendered, observed: Observed, patience: Patience, *, migrate: bool = True, reverse: Reverse | None = None
) -> Plan:
    """The steps from the observed state to `wanted` being live.

    If it is already live, complete and proven by the ledger, the plan only has its smoke test. `reverse`: what a
    rollback reverses; before the old release starts if it couldn't run otherwise, or else when it alone runs.
    """
    first = (reverse,) if reverse and reverse.plan.first else ()
    last = (reverse,) if reverse and not reverse.plan.first else ()
    ended = (EndCanary(observed.canary.release),) if observed.canary else ()
    if observed.live == new.name:
        return (*ended, *revival(new, observed), *first, *_finish(new, observed, patience), *last)
    others = _leftovers(new.name, observed)
    gone = _recreates(new, observed)
    beside = tuple(service for service in new.routed if service not in _waiting(new, observed))
    may_migrate = migrate and _may_migrate(new, observed)
    return (
        *ended,
        *revival(new, observed),
        *(step for name in others for step in (Drain(name, patience.drain), Stop(name))),
        *_bring(new, observed, migrate=may_migrate),
        *first,
        *((Start(new, beside),) if beside else ()),
        *((KeepAssets(new, observed.live),) if any(route.assets for route in new.served.routes) else ()),
        *_switch(new, observed, patience),
        *_replace_workers(new, observed),
        *((Drain(observed.live, patience.drain), Stop(observed.live)) if observed.live and not gone else ()),
        *last,
        *plan_prune(stopped(observed, others), live=new.name, previous=observed.live, keep=patience.keep),
    )


def plan_recovery(failed: str, good: GoodRelease, now: Observed) -> Plan:
    """The steps that restore the good release, complete and served as before, after a rollout failed at any point."""
    old = now.standing(good.name)
    there = old is not None and any(old.present.values())
    back = there and good.name not in {now.live, failed} and (now.live == failed or not now.runs(now.live))
    if now.live == failed and not back:
        return ()  # there is nothing to go back to; the error says so
    was = good.routing or now.routing
    again = served(good.release.shape.routes if good.release else (), old.present if old else {})
    everyone = Served(()) if was.held else again  # its database is an older one, so it isn't served
    restored = Serve(again, everyone, elsewhere=was.elsewhere, here=was.here or not was.elsewhere)
    running = old.running if old else {}
    other = None if back or good.name == now.live else now.standing(now.live)  # which stays live, and may run these
    elsewhere = other.running if other else {}
    stopped = tuple(s for s, n in good.running.items() if running.get(s, 0) < n and not elsewhere.get(s))
    canary = now.canary is not None
    shared = (Drain(failed, CANARY_DRAIN, QUIET), Stop(failed))  # its visitors' requests are answered
    return (
        *((EndCanary(failed),) if canary else ()),
        *((Cutover(good.name),) if back else ()),
        *((restored,) if (back and again.routes) or was != now.routing else ()),
        *(shared if canary else (Drain(failed, RECOVERY_DRAIN),) if back else ()),
        *((Remove(failed),) if now.standing(failed) or failed in now.empty else ()),
        *((Resume(good.name, stopped),) if stopped else ()),
    )


def revival(new: Rendered, observed: Observed) -> Plan:
    """Start accessories that exist but are stopped, for example after a power cut."""
    stopped = observed.stopped(new.release.shape.accessories)
    return (Revive(stopped),) if stopped else ()


def _finish(new: Rendered, observed: Observed, patience: Patience) -> Plan:
    """The work that a killed deploy left after its cutover; normally only a smoke test."""
    standing = observed.standing(new.name)
    missing = _missing(new, standing, proven=observed.proven)
    routed = tuple(service for service in missing if service in new.routed)
    workers = tuple(service for service in missing if service not in new.routed)
    others = [release for release in observed.releases if release.name in _leftovers(new.name, observed)]
    shape, ours = new.release.shape, new.served
    # while nothing of it answers, nothing is lost by stopping others first, whose release may have had `recreate`
    silent = bool(routed) and not any(standing and standing.running.get(service) for service in new.routed)
    theirs = [
        Stop(other.name, () if shape.recreate or silent else old)
        for other in others
        if (old := tuple(s for s in shape.alone if other.running.get(s))) or shape.recreate or silent
    ]
    held = silent or any(service in shape.alone for service in routed)
    unsure = bool(missing or others or not observed.proven or not observed.routing.stands)
    return (
        *((*_pull(new), Prepare(new), Create(new)) if missing and not whole(new, standing) else ()),
        *(theirs if held else ()),
        *((Start(new, routed),) if routed else ()),
        *(_prove_live(new, observed, sure=not unsure) if ours.routes else ()),
        *((Bake(new.name, patience.bake),) if patience.bake and not observed.proven else ()),
        *(() if held else theirs),
        *((Start(new, workers),) if workers else ()),
        *(
            step
            for other in others
            if not (held and Stop(other.name) in theirs)
            for step in (Drain(other.name, patience.drain), Stop(other.name))
        ),
    )


def _prove_live(live: Rendered, observed: Observed, *, sure: bool) -> Plan:
    """Restore the live release's routes and prove that it answers; then stop serving it at other URLs."""
    ours, elsewhere = live.served, observed.routing.elsewhere
    return (
        *(() if sure else (Serve(ours, ours, elsewhere=elsewhere),)),
        SmokeTest(live.name, candidate=False),
        *((Serve(ours, ours),) if elsewhere else ()),
    )


def _missing(new: Rendered, standing: Standing | None, *, proven: bool) -> tuple[str, ...]:
    """Services with too few running containers, and one-shots that never ran; in a proven release, all have run."""
    there = standing or Standing(new.name, 0)

    def lacks(service: str) -> bool:
        if new.ends(service):
            return not proven and (service in there.fresh or service not in there.present)
        return there.running.get(service, 0) < new.replicas(service)

    return tuple(filter(lacks, new.order))


def _leftovers(new: str, observed: Observed) -> tuple[str, ...]:
    """Running releases that are neither live nor wanted; a killed deploy left them."""
    return tuple(r.name for r in observed.releases if r.runs and r.name not in {new, observed.live})


def _bring(new: Rendered, observed: Observed, *, migrate: bool) -> Plan:
    """The release's containers, on a migrated schema: those of a complete stopped release, or new ones.

    The pending migrations are listed while new containers are created, and applied only after that has succeeded.
    """
    standing = observed.standing(new.name)
    asked, migration = ((Ask(new),), (Migrate(new, observed.former),)) if migrate else ((), ())
    if whole(new, standing):
        return migration
    leftover = (Remove(new.name),) if standing else ()
    return (*leftover, *_pull(new), Prepare(new), *asked, Create(new), *migration)


def _pull(new: Rendered) -> Plan:
    images = tuple(sorted(set(new.release.images.values())))
    return (Pull(images),) if images else ()


def whole(new: Rendered, standing: Standing | None) -> bool:
    """Whether a release has all its containers, so that they only need to be started."""
    return standing is not None and all(standing.present.get(s, 0) >= new.replicas(s) for s in new.order)


def _may_migrate(new: Rendered, observed: Observed) -> bool:
    """Whether migrations may be pending. Only another image or configuration than the live one can bring new ones."""
    if new.release.shape.migrations is None:
        return False
    live = observed.live_record.configuration if observed.live_record else None
    return not new.configuration.schema or live is None or live.schema != new.configuration.schema


def _recreates(new: Rendered, observed: Observed) -> bool:
    """Whether the live release must stop whole before this one starts, by the word of one of the two."""
    live = observed.live_release
    either = new.release.shape.recreate or (live is not None and live.shape.recreate)
    return either and observed.live != new.name and observed.runs(observed.live)


def _waiting(new: Rendered, observed: Observed) -> tuple[str, ...]:
    """The routed services that start only after their old containers stopped: singletons, and what depends on them."""
    if _recreates(new, observed):
        return new.routed
    live = observed.standing(observed.live)
    found = [s for s in new.routed if s in new.release.shape.singletons and live and live.running.get(s)]
    for service in new.routed:  # dependencies first
        if service not in found and any(name in found for name in new.dependencies(service)):
            found.append(service)
    return tuple(service for service in new.routed if service in found)


def _exchange(new: Rendered, observed: Observed) -> Plan:
    """Stop what must not run twice, then start the new ones. The edge holds requests from the cutover on."""
    late, live = _waiting(new, observed), observed.live
    if _recreates(new, observed):
        return (Drain(live, HELD_DRAIN, QUIET), Stop(live), Start(new, new.order))
    old = tuple(service for service in late if service in new.release.shape.singletons)
    return (Drain(live, HELD_DRAIN, QUIET), Stop(live, old), Start(new, late)) if late else ()


def _switch(new: Rendered, observed: Observed, patience: Patience) -> Plan:
    """From a ready candidate to the live release; each stage is proven before the next.

    A candidate with a service that must not run twice can't be tested before the cutover.
    """
    after = new.served
    if not after.routes:
        left = observed.routing.here or observed.routing.elsewhere
        whole_one = (Stop(observed.live), Start(new, new.order)) if _recreates(new, observed) else ()
        return (Cutover(new.name), *whole_one, *((Serve(after, after),) if observed.live and left else ()))
    live = observed.standing(observed.live)
    before = served(observed.live_release.shape.routes, live.present) if observed.live_release and live else after
    if observed.routing.held:  # it stays so until the cutover, because the live release doesn't fit its database
        before = Served(())
    elsewhere = observed.routing.elsewhere
    exchange = _exchange(new, observed)
    return (
        Serve(after, before, to=new.name if before != after else "", elsewhere=elsewhere),
        *(() if exchange else (SmokeTest(new.name, candidate=True),)),
        *((Hold(new.name, patience.hold),) if patience.hold and not exchange else ()),
        *((Canary(new.name, patience.canary),) if patience.canary and not exchange and shares(observed) else ()),
        Cutover(new.name),
        *exchange,
        SmokeTest(new.name, candidate=False),
        *((Bake(new.name, patience.bake),) if patience.bake else ()),
        *((Serve(after, after),) if before != after or elsewhere else ()),
    )


def shares(observed: Observed) -> bool:
    """Whether there are visitors of a live release, of whom a candidate can get a share."""
    live, routing = observed.live_release, observed.routing
    return live is not None and bool(live.shape.routes) and not routing.held and not routing.closed


def _replace_workers(new: Rendered, observed: Observed) -> Plan:
    """Replace the services without a route.

    They do real work as soon as they run, so this happens after the cutover.
    """
    if _recreates(new, observed):
        return ()  # they have started with the others
    workers = tuple(service for service in new.order if service not in new.routed)
    singletons = tuple(service for service in workers if service in new.release.shape.singletons)
    live = observed.standing(observed.live)
    old = tuple(service for service in singletons if live and live.running.get(service))
    return (
        *((Stop(observed.live, old),) if old else ()),
        *((Start(new, workers),) if workers else ()),
    )
