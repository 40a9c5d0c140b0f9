"""Runs a deploy or a rollback under the environment's lock: observe, choose, plan, apply, record."""

import dataclasses
import time

from tagship.deploy.companion import Companion, NoCompanion
from tagship.deploy.execution import Execution
from tagship.deploy.observed import Migrated
from tagship.deploy.order import Order
from tagship.deploy.outcome import Outcome
from tagship.deploy.recovery import reason
from tagship.deploy.refusal import problems, refuse
from tagship.deploy.rollout import plan_rollout
from tagship.deploy.target import LockedEnvironment
from tagship.deploy.unfinished import settled
from tagship.deploy.way_back import way_back
from tagship.reporting.progress import Progress
from tagship.system.signals import uninterrupted


def rollout(environment: LockedEnvironment, order: Order, progress: Progress, companion: Companion) -> Outcome:
    """Deploy a release to an environment; go back to the old one if that fails.

    Finishes first what a killed deploy left, unless that is the release to deploy.
    """
    began = time.monotonic()
    before = settled(environment, order, progress)
    candidate, reverse = way_back(environment, order, order.choose(before, environment.release), before)
    new = candidate.rendered
    plan = order.plan(new, before, reverse)
    target = environment.target(candidate)
    outcome = order.outcome(new, before, plan)
    entry = order.entry(new, before, environment.now())
    if reverse and not reverse.plan.first:
        entry = dataclasses.replace(entry, way_back=reverse.plan.encoded())
    under_way = Execution(
        target, before, new, progress, dataclasses.replace(entry, restores=candidate.restores), began, companion
    )
    if not outcome.changed:
        under_way.look(plan)
        return outcome
    refuse(problems(environment, order, candidate, before, plan, progress))
    if reverse and reverse.plan.loses:
        order.agree(reverse.plan)
    under_way.serving = before.live
    try:
        companion.before(new, before, order.action)
        done = under_way.carry_out(plan, outcome)
    except BaseException as error:
        with uninterrupted():
            companion.give_up(reason(str(error)) or type(error).__name__, under_way.serving)
        raise
    with uninterrupted():  # it is live and recorded; the rest takes seconds and undoes nothing
        remarks = companion.after(done)
    for remark in remarks:
        progress.note(remark)
    if under_way.stopped:
        raise under_way.stopped
    return dataclasses.replace(done, warnings=(*done.warnings, *remarks))


def migrate(
    environment: LockedEnvironment,
    order: Order,
    progress: Progress,
    *,
    dry_run: bool = False,
    companion: Companion | None = None,
) -> Migrated:
    """Migrate an environment's schema for a release without deploying it.

    With `dry_run`, only list pending migrations. Raises MigrationError; the live release serves in any case.
    """
    began = time.monotonic()
    before = environment.observe()
    candidate = order.choose(before, environment.release)
    new = candidate.rendered
    plan = plan_rollout(new, before, order.patience)
    down = before.stopped(new.release.shape.accessories) if dry_run else ()
    stopped = (f"{name} is stopped: `tagship accessories.up --env {order.environment}` starts it." for name in down)
    refuse([*problems(environment, order, candidate, before, plan, progress), *stopped])
    target, entry = environment.target(candidate), order.entry(new, before, environment.now())
    beside = companion or NoCompanion()
    return Execution(target, before, new, progress, entry, began, beside).migrate(dry_run=dry_run)
