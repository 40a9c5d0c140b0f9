"""How a release becomes the live one, and how a rollout that failed is undone. Pure."""

from dataclasses import dataclass

from tagship.model import Rendered, Served, served
from tagship.plans.prune import plan_prune
from tagship.plans.steps import (
    Bake,
    Create,
    Cutover,
    Drain,
    Migrate,
    Plan,
    Prepare,
    Pull,
    Remove,
    Resume,
    Revive,
    Serve,
    SmokeTest,
    Start,
    Stop,
)
from tagship.ports import Observed, Routing, Standing

RECOVERY_DRAIN = 5.0
"""Seconds that requests to a failed release get to finish: a cancelled CI job has ten before it is killed."""


@dataclass(frozen=True)
class Patience:
    """How long things may take, in seconds, and how many stopped releases are kept."""

    drain: float = 30
    bake: float = 0
    keep: int = 5


def plan_rollout(wanted: Rendered, observed: Observed, patience: Patience, *, migrate: bool = True) -> Plan:
    """The steps from what is observed to `wanted` being live; none when it is already, and whole."""
    if observed.live == wanted.name:
        return (*revival(wanted, observed), *_finish(wanted, observed, patience))
    others = _leftovers(wanted.name, observed)
    may_migrate = migrate and _may_migrate(wanted, observed)
    return (
        *revival(wanted, observed),
        *(step for name in others for step in (Drain(name, patience.drain), Stop(name))),
        *_bring(wanted, observed, migrate=may_migrate),
        *((Start(wanted, wanted.routed),) if wanted.routed else ()),
        *_switch(wanted, observed, patience),
        *_replace_workers(wanted, observed),
        *((Drain(observed.live, patience.drain), Stop(observed.live)) if observed.live else ()),
        *plan_prune(observed, live=wanted.name, previous=observed.live, keep=patience.keep),
    )


def plan_recovery(failed: Rendered, before: str, observed: Observed, routing: Routing | None = None) -> Plan:
    """What puts the release that was live before back, whole, after a rollout failed at any point.

    `routing` is how the edge served it then: to be restored, where it is known and isn't so any more.
    """
    old = observed.standing(before)
    back = observed.live == failed.name and before != failed.name
    if observed.live == failed.name and not (back and old and old.runs):
        return ()  # nothing to go back to: what there is stays, and the error says so
    routes = observed.live_release.shape.routes if observed.live_release else failed.release.shape.routes
    was = routing or observed.routing
    present, running = (old.present, old.running) if old else ({}, {})
    again = served(routes, present) if before else Served(())
    restored = Serve(again, again, elsewhere=was.elsewhere, here=was.here or not was.elsewhere)
    stopped = tuple(s for s, count in present.items() if running.get(s, 0) < count and not failed.ends(s))
    return (
        *((Cutover(before),) if back else ()),
        *((restored,) if back or was != observed.routing else ()),
        *((Drain(failed.name, RECOVERY_DRAIN),) if back else ()),
        *((Remove(failed.name),) if observed.standing(failed.name) else ()),
        *((Resume(before, stopped),) if stopped else ()),
    )


def revival(wanted: Rendered, observed: Observed) -> Plan:
    """Accessories that are there and stopped are only to be started: after a power cut, say."""
    stopped = observed.stopped(wanted.release.shape.accessories)
    return (Revive(stopped),) if stopped else ()


def _finish(wanted: Rendered, observed: Observed, patience: Patience) -> Plan:
    """What a killed deploy left to do after its cutover; nothing in the ordinary case."""
    standing = observed.standing(wanted.name)
    missing = tuple(
        service
        for service in wanted.order
        if not wanted.ends(service)
        and (standing is None or standing.running.get(service, 0) < wanted.replicas(service))
    )
    others = [release for release in observed.releases if release.name in _leftovers(wanted.name, observed)]
    singletons, ours = wanted.release.shape.singletons, wanted.served
    return (
        *((*_pull(wanted), Prepare(wanted), Create(wanted)) if missing and not _whole(wanted, standing) else ()),
        *(_prove_live(wanted, observed) if ours.routes and (others or not observed.routing.stands) else ()),
        *(Stop(other.name, old) for other in others if (old := tuple(s for s in singletons if other.running.get(s)))),
        *((Start(wanted, missing),) if missing else ()),
        *(step for other in others for step in (Drain(other.name, patience.drain), Stop(other.name))),
    )


def _prove_live(live: Rendered, observed: Observed) -> Plan:
    """The live release's routes as they should be, and proof that it answers; only then is it served nowhere else."""
    ours, elsewhere = live.served, observed.routing.elsewhere
    return (
        Serve(ours, ours, elsewhere=elsewhere),
        SmokeTest(live.name, candidate=False),
        *((Serve(ours, ours),) if elsewhere else ()),
    )


def _leftovers(wanted: str, observed: Observed) -> tuple[str, ...]:
    """Releases that run though they are neither live nor wanted: a killed deploy's."""
    return tuple(r.name for r in observed.releases if r.runs and r.name not in {wanted, observed.live})


def _bring(wanted: Rendered, observed: Observed, *, migrate: bool) -> Plan:
    """The release's containers, on a schema that fits: those of a stopped release that is whole, or new ones."""
    standing = observed.standing(wanted.name)
    migration = (Migrate(wanted),) if migrate else ()
    if _whole(wanted, standing):
        return migration
    leftover = (Remove(wanted.name),) if standing else ()
    return (*leftover, *_pull(wanted), Prepare(wanted), *migration, Create(wanted))


def _pull(wanted: Rendered) -> Plan:
    images = tuple(sorted(set(wanted.release.images.values())))
    return (Pull(images),) if images else ()


def _whole(wanted: Rendered, standing: Standing | None) -> bool:
    return standing is not None and all(standing.present.get(s, 0) >= wanted.replicas(s) for s in wanted.order)


def _may_migrate(wanted: Rendered, observed: Observed) -> bool:
    """The image that is live has had its migrations applied: only another one can bring new ones."""
    migrations = wanted.release.shape.migrations
    if migrations is None:
        return False
    live = observed.live_release
    return live is None or live.images.get(migrations.service) != wanted.release.images.get(migrations.service)


def _switch(wanted: Rendered, observed: Observed, patience: Patience) -> Plan:
    """From the candidate being ready to its being live, each stage proven before the next."""
    after = wanted.served
    if not after.routes:
        left = observed.routing.here or observed.routing.elsewhere
        return (Cutover(wanted.name), *((Serve(after, after),) if observed.live and left else ()))
    live = observed.standing(observed.live)
    before = served(observed.live_release.shape.routes, live.present) if observed.live_release and live else after
    elsewhere = observed.routing.elsewhere
    return (
        Serve(after, before, to=wanted.name if before != after else "", elsewhere=elsewhere),
        SmokeTest(wanted.name, candidate=True),
        Cutover(wanted.name),
        SmokeTest(wanted.name, candidate=False),
        *((Bake(wanted.name, patience.bake),) if patience.bake else ()),
        *((Serve(after, after),) if before != after or elsewhere else ()),
    )


def _replace_workers(wanted: Rendered, observed: Observed) -> Plan:
    """Services without a route do real work as soon as they run: they change places only after the cutover."""
    workers = tuple(service for service in wanted.order if service not in wanted.routed)
    singletons = tuple(service for service in workers if service in wanted.release.shape.singletons)
    live = observed.standing(observed.live)
    old = tuple(service for service in singletons if live and live.running.get(service))
    return (
        *((Stop(observed.live, old),) if old else ()),
        *((Start(wanted, workers),) if workers else ()),
    )
