"""Finishes, records or undoes what a killed deploy made live without a record in the ledger."""

import time

from tagship.deploy.execution import Execution, prove
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order
from tagship.deploy.recovery import Recovery
from tagship.deploy.target import LockedEnvironment
from tagship.errors import CheckError, StoppedError, TagshipError
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress

_UNFINISHED = "A killed deploy left it unfinished."


def settled(environment: LockedEnvironment, order: Order, progress: Progress) -> Observed:
    """Observe the environment, after a killed deploy's work was finished or recorded."""
    before = environment.observe()
    for remark in before.remarks:
        progress.note(remark)
    if before.proven or _is_live(order, before, environment):
        return before
    _settle(environment, order, before, progress)
    return environment.observe()


def _is_live(order: Order, before: Observed, environment: LockedEnvironment) -> bool:
    """Whether the release to deploy is live although the ledger doesn't prove it; a rollback never means that."""
    if order.action is Action.ROLLBACK:
        return False
    return order.choose(before, environment.release).rendered.name == before.live


def _settle(environment: LockedEnvironment, order: Order, before: Observed, progress: Progress) -> None:
    """Finish, record or undo what a killed deploy made live without a record in the ledger."""
    if before.live_record is None:
        progress.note(f"{before.live} is live but was never recorded, and its record can't be read")
        return
    late = _late(environment, before)
    left = None
    if order.action is not Action.ROLLBACK:  # a rollback leaves this release, so it needn't be finished
        try:
            left = order.again(before, before.live_record)
        except TagshipError as error:  # for example a missing variable or a moved file
            progress.note(f"{before.live} can't be rendered again: {error.problem}")
    if left is None or left.rendered.name != before.live:  # its secrets have changed, so it can only be smoke-tested
        if order.action is not Action.ROLLBACK and not before.runs(before.live) and before.standing(before.good):
            progress.note(f"{before.live} was left unfinished by a deploy that was killed, and can't be finished")
            target = environment.target()
            Recovery(target, before, before.live, progress).run(CheckError(_UNFINISHED), lambda *_: None)
            return
        prove(environment.target(), before, late, progress)
        return
    progress.note(f"{before.live} was left unfinished by a deploy that was killed")
    plan = order.plan(left.rendered, before)
    outcome = order.outcome(left.rendered, before, plan)
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
    """The entry that the killed deploy would have recorded for the live release."""
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
