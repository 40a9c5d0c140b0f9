"""The story of a deploy and of a rollback, under the environment's lock: observe, choose, plan, apply, record."""

import dataclasses
import time
from collections.abc import Iterable, Iterator

from tagship.deploy.candidate import Candidate
from tagship.deploy.companion import Companion
from tagship.deploy.execution import Execution, prove
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.order import Order
from tagship.deploy.outcome import Outcome
from tagship.deploy.preflight import findings
from tagship.deploy.rollout import changes, plan_rollout
from tagship.deploy.steps import Plan
from tagship.deploy.target import Environment, LockedEnvironment
from tagship.errors import CheckError, StoppedError, TagshipError
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.findings import dropped
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.system.signals import uninterrupted


def rollout(environment: LockedEnvironment, order: Order, progress: Progress, companion: Companion) -> Outcome:
    """Bring a release into an environment; put the old one back if that fails.

    What a killed deploy left is finished first, unless it is what is wanted.
    """
    began = time.monotonic()
    before = _observe(environment, order, progress)
    candidate = order.choose(before, environment.release)
    wanted = candidate.rendered
    plan = _plan(order, wanted, before)
    target = environment.target(candidate)
    outcome = _outcome(order, wanted, before, changed=_changes(plan, wanted, before))
    entry = _entry(order, wanted, before, environment.now())
    under_way = Execution(
        target, before, wanted, progress, dataclasses.replace(entry, restores=candidate.restores), began, companion
    )
    if not outcome.changed:
        under_way.look(plan)
        return outcome
    refuse(_findings(environment, order, candidate, before, plan, progress))
    companion.before(wanted, before, order.action)
    try:
        done = under_way.carry_out(plan, outcome)
    except BaseException:
        companion.give_up()
        raise
    with uninterrupted():  # it is live and recorded: what is left takes seconds, and puts nothing back
        remarks = companion.after(done)
    for remark in remarks:
        progress.note(remark)
    if under_way.stopped:
        raise under_way.stopped
    return dataclasses.replace(done, warnings=(*done.warnings, *remarks))


def migrate(environment: LockedEnvironment, order: Order, progress: Progress, *, dry_run: bool = False) -> Migrated:
    """Bring an environment's schema to a release without deploying it; what it says with `dry_run` is only pending.

    Raises MigrationError; the live release goes on serving whatever happens.
    """
    began = time.monotonic()
    before = environment.observe()
    candidate = order.choose(before, environment.release)
    wanted = candidate.rendered
    plan = plan_rollout(wanted, before, order.patience)
    down = before.stopped(wanted.release.shape.accessories) if dry_run else ()
    stopped = (f"{name} is stopped: `tagship accessories.up` starts it." for name in down)
    refuse([*_findings(environment, order, candidate, before, plan, progress), *stopped])
    target, entry = environment.target(candidate), _entry(order, wanted, before, environment.now())
    return Execution(target, before, wanted, progress, entry, began).migrate(dry_run=dry_run)


def preview(environment: Environment, order: Order, progress: Progress, companion: Companion) -> str:
    """The plan, and nothing changed: not even a lock is taken. Raises CheckError, the plan in it, for a refused one."""
    before = environment.observe()
    candidate = order.choose(before, environment.release)
    wanted = candidate.rendered
    plan = _plan(order, wanted, before)
    title = f"{order.environment}: {before.live or 'nothing'} → {wanted.name}"
    if not _changes(plan, wanted, before):
        return f"{title}: nothing to do"
    numbered = (f"{number:3}. {step}" for number, step in enumerate(plan, 1))
    text = "\n".join([title, *numbered, *(f"     {line}" for line in _asides(wanted, companion))])
    if problems := _findings(environment, order, candidate, before, plan, progress):
        raise CheckError("\n".join((text, "It would be refused:", *problems)), hint="nothing was changed")
    return text


def refuse(found: Iterable[str]) -> None:
    """Raises CheckError with every finding, if there is any: nothing has been changed yet."""
    if lines := list(found):
        raise CheckError("\n".join(lines), hint="nothing was changed")


def _observe(environment: LockedEnvironment, order: Order, progress: Progress) -> Observed:
    """What stands, once that is what the ledger says: a killed deploy's work is finished or recorded first."""
    before = environment.observe()
    for remark in before.remarks:
        progress.note(remark)
    if before.proven or _is_live(order, before, environment):
        return before
    _settle(environment, order, before, progress)
    return environment.observe()


def _is_live(order: Order, before: Observed, environment: LockedEnvironment) -> bool:
    """Whether what is to be brought is live, though the ledger doesn't prove it; a rollback never means that."""
    if order.action is Action.ROLLBACK:
        return False
    return order.choose(before, environment.release).rendered.name == before.live


def _settle(environment: LockedEnvironment, order: Order, before: Observed, progress: Progress) -> None:
    """Finish, record or undo what a killed deploy made live: the ledger doesn't know of it."""
    if before.live_record is None:
        progress.note(f"{before.live} is live, and nobody recorded it: no record of it can be read")
        return
    late = _late(environment, before)
    left = None
    if order.action is not Action.ROLLBACK:  # what is to be left isn't finished first
        try:
            left = order.again(before, before.live_record)
        except TagshipError as error:  # a variable that is gone, a file that was moved
            progress.note(f"{before.live} can't be rendered again: {error.problem}")
    if left is None or left.rendered.name != before.live:  # its secrets have changed: it can only be looked at
        prove(environment.target(), before, late, progress)
        return
    progress.note(f"{before.live} was left unfinished by a deploy that was killed")
    plan = _plan(order, left.rendered, before)
    outcome = _outcome(order, left.rendered, before, changed=True)
    under_way = Execution(environment.target(left), before, left.rendered, progress, late, time.monotonic())
    try:
        under_way.carry_out(plan, outcome)
    except StoppedError:
        raise
    except TagshipError as error:
        progress.note(f"{before.live} can't be finished: {error.problem}")
    if under_way.stopped:
        raise under_way.stopped


def _late(environment: LockedEnvironment, before: Observed) -> ledger.Entry:
    """What the deploy that was killed would have recorded of the live release."""
    dead, record = environment.left_by, before.live_record
    went_back = dead is not None and dead.doing.startswith(str(Action.ROLLBACK))
    return ledger.Entry(
        at=environment.now(),
        action=str(Action.ROLLBACK if went_back else Action.DEPLOY),
        result=ledger.GOOD,
        release=before.live,
        tag=record.release.version.tag if record else "",
        previous=before.good,
        by=dead.who if dead else "",
        run=dead.run if dead else "",
        images=dict(record.release.images) if record else {},
        why="recorded late",
    )


def _changes(plan: Plan, wanted: Rendered, before: Observed) -> bool:
    """Whether anything is to be done: also when what is wanted is live, and the ledger doesn't prove it."""
    return changes(plan) or (wanted.name == before.live and not before.proven)


def _plan(order: Order, wanted: Rendered, before: Observed) -> Plan:
    return plan_rollout(wanted, before, order.patience, migrate=order.action.migrates)


def _findings(  # noqa: PLR0913, PLR0917 - a plan, and all that it depends on
    environment: Environment, order: Order, candidate: Candidate, before: Observed, plan: Plan, progress: Progress
) -> list[str]:
    """Everything that stands in the way of a plan; of a way back only what it couldn't do without."""
    volumes = environment.unfit(candidate)
    if order.action is Action.ROLLBACK:
        for line in volumes:
            progress.note(line)
        volumes = []
    return [*findings(candidate.rendered, before, plan), *volumes]


def _asides(wanted: Rendered, companion: Companion) -> Iterator[str]:
    """What to know of a plan beside its steps."""
    if companion.announcement:
        yield companion.announcement
    release = wanted.release
    yield from dropped(release.sources.model, release.shape)
    if unbuilt := release.unbuilt:
        yield f"Images not built and pushed yet: {len(unbuilt)}; `tagship ship` does that first"


def _outcome(order: Order, wanted: Rendered, before: Observed, *, changed: bool) -> Outcome:
    release = wanted.release
    return Outcome(
        environment=order.environment,
        release=wanted.name,
        tag=release.version.tag,
        previous=before.live,
        url=order.url,
        changed=changed,
        images=release.images,
    )


def _entry(order: Order, wanted: Rendered, before: Observed, now: str) -> ledger.Entry:
    release = wanted.release
    return ledger.Entry(
        at=now,
        action=str(order.action),
        result=ledger.GOOD,
        release=wanted.name,
        tag=release.version.tag,
        previous=before.live,
        by=order.holder.who,
        run=order.holder.run,
        images=dict(release.images),
        why=order.remark,
    )
