"""Runs a deploy or a rollback under the environment's lock: observe, choose, plan, apply, record."""

import dataclasses
import time
from collections.abc import Iterable, Iterator

from tagship.deploy.candidate import Candidate
from tagship.deploy.companion import Companion, NoCompanion
from tagship.deploy.execution import Execution, prove
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.order import Order
from tagship.deploy.outcome import Outcome
from tagship.deploy.pauses import pauses
from tagship.deploy.preflight import findings, undrilled
from tagship.deploy.recovery import Recovery, reason
from tagship.deploy.rollback_plan import Way, timed, way_to
from tagship.deploy.rollout import changes, plan_rollout, revival, shares
from tagship.deploy.steps import Canary, Cutover, Hold, Migrate, Plan, Prepare, Pull, Remove, Reverse
from tagship.deploy.target import Environment, LockedEnvironment, PreviewedEnvironment
from tagship.errors import CheckError, StoppedError, TagshipError
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.findings import dropped, overlapping
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.system.signals import uninterrupted

_UNFINISHED = "A killed deploy left it unfinished."


class RestoreNeededError(CheckError):
    """A rollback needs the database of an earlier moment. Carries the id of the backup that was made then."""

    def __init__(self, problem: str, *, hint: str, at: str) -> None:
        self.at = at
        super().__init__(problem, hint=hint)


def rollout(environment: LockedEnvironment, order: Order, progress: Progress, companion: Companion) -> Outcome:
    """Deploy a release to an environment; go back to the old one if that fails.

    Finishes first what a killed deploy left, unless that is the release to deploy.
    """
    began = time.monotonic()
    before = _observe(environment, order, progress)
    candidate, reverse = _way_back(environment, order, order.choose(before, environment.release), before)
    new = candidate.rendered
    plan = _plan(order, new, before, reverse)
    target = environment.target(candidate)
    outcome = _outcome(order, new, before, changed=_changes(plan, new, before))
    entry = _entry(order, new, before, environment.now())
    if reverse and not reverse.plan.first:
        entry = dataclasses.replace(entry, way_back=reverse.plan.encoded())
    under_way = Execution(
        target, before, new, progress, dataclasses.replace(entry, restores=candidate.restores), began, companion
    )
    if not outcome.changed:
        under_way.look(plan)
        return outcome
    refuse(_findings(environment, order, candidate, before, plan, progress))
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
    refuse([*_findings(environment, order, candidate, before, plan, progress), *stopped])
    target, entry = environment.target(candidate), _entry(order, new, before, environment.now())
    beside = companion or NoCompanion()
    return Execution(target, before, new, progress, entry, began, beside).migrate(dry_run=dry_run)


def preview(environment: PreviewedEnvironment, order: Order, progress: Progress, companion: Companion) -> str:
    """The plan; changes nothing and takes no lock. Raises CheckError, with the plan in it, if it would be refused."""
    before = environment.observe()
    candidate, reverse = _way_back(environment, order, order.choose(before, environment.release), before)
    new = candidate.rendered
    plan = _plan(order, new, before, reverse)
    title = f"{order.environment}: {before.live or 'nothing'} → {new.name}"
    if not _changes(plan, new, before):
        return f"{title}: nothing to do"
    numbered = (f"{number:3}. {step}" for number, step in enumerate(plan, 1))
    text = "\n".join(
        [title, *numbered, *(f"     {line}" for line in (*pauses(plan, before, new), *_asides(new, companion)))]
    )
    if reverse:
        text = "\n".join((text, *(f"     {line}" for line in reverse.plan.lines)))
    if problems := _findings(environment, order, candidate, before, plan, progress):
        raise CheckError(
            "\n".join((text, "The deploy would be refused:", *problems)), hint="solve this first; nothing was changed"
        )
    return "\n".join((text, *(f"     {line}" for line in _foreseen(environment, candidate, plan, before))))


@dataclasses.dataclass(frozen=True)
class Planned:
    """A plan as data, and everything to carry it out by hand."""

    candidate: Candidate
    before: Observed
    plan: Plan
    entry: ledger.Entry
    """What to add to the ledger, without what is known only at the end."""
    reverse: Reverse | None = None


def planned(environment: PreviewedEnvironment, order: Order, progress: Progress) -> Planned:
    """The plan as data; changes nothing and takes no lock. Raises CheckError if it would be refused."""
    before = environment.observe()
    candidate, reverse = _way_back(environment, order, order.choose(before, environment.release), before)
    new = candidate.rendered
    plan = _plan(order, new, before, reverse)
    entry = dataclasses.replace(_entry(order, new, before, ""), restores=candidate.restores)
    if order.action is Action.MIGRATE:
        made = (*revival(new, before), Pull(tuple(sorted(set(new.release.images.values())))), Prepare(new))
        left = () if before.standing(new.name) else (Remove(new.name),)
        plan = (*made, Migrate(new, before.former), *left)
    elif not _changes(plan, new, before):
        plan = ()
    if plan:
        refuse(_findings(environment, order, candidate, before, plan, progress))
    if any(isinstance(step, Migrate) for step in plan):
        entry = _declared(entry, environment, candidate, before)
    else:
        known = next((past.migrations for past in reversed(before.history) if past.migrations), ())
        if reverse and reverse.plan.first:
            entry = dataclasses.replace(entry, migrations=reverse.plan.leaves or known)
        else:
            entry = dataclasses.replace(entry, migrations=known, way_back=reverse.plan.encoded() if reverse else {})
    return Planned(candidate, before, plan, entry, reverse)


def _declared(
    entry: ledger.Entry, environment: PreviewedEnvironment, candidate: Candidate, before: Observed
) -> ledger.Entry:
    """The entry with the way back from what is pending. Raises TagshipError if that can't be known."""
    found = environment.foresee(candidate, before.former)
    way = timed(found.way_back, before.history).encoded() if found.way_back else {}
    return dataclasses.replace(entry, way_back=way, migrations=() if found.applied else found.leaves)


def _way_back(
    environment: Environment, order: Order, candidate: Candidate, before: Observed
) -> tuple[Candidate, Reverse | None]:
    """What a rollback has to reverse, as was declared, and the candidate with the secrets that this needs.

    Raises CheckError if only a backup leads back.
    """
    if order.action is not Action.ROLLBACK or order.keep_schema:
        return candidate, None
    plan = way_to(before.history, candidate.restores or candidate.rendered.name)
    if plan.way is Way.CODE:
        return candidate, None
    to = candidate.rendered.release.version.short
    keep = f"`tagship rollback --env {order.environment} --to {to} --keep-schema`"
    record = environment.release(plan.of)
    if plan.way is Way.RESTORE or record is None:
        why = "; ".join(plan.why) if plan.way is Way.RESTORE else f"the record of {plan.of} can't be read"
        problem = f"Going back to {to} needs the database of before {plan.since}: {why}."
        if plan.backup.startswith("rds:"):
            snapshot = f"restore the snapshot {plan.backup.removeprefix('rds:')} in RDS"
            raise CheckError(problem, hint=f"{snapshot}, which loses what was written since, then {keep}")
        if not plan.backup:
            older = f"`tagship backup.restore --env {order.environment} --at {plan.since}`"
            raise CheckError(
                f"{problem[:-1]}, and no backup was made then.",
                hint=f"run {older}, which restores an older one and loses what was written since, then {keep}",
            )
        raise RestoreNeededError(
            problem,
            hint=f"pass --yes to restore it and lose what was written since; or, if {to} runs as it is, {keep}",
            at=plan.backup,
        )
    newer = order.again(before, record)
    both = dataclasses.replace(candidate, secrets={**newer.secrets, **candidate.secrets})
    return both, Reverse(newer.rendered, plan)


def _foreseen(environment: PreviewedEnvironment, candidate: Candidate, plan: Plan, before: Observed) -> Iterator[str]:
    """What is pending and the way back, if the candidate's image can be asked."""
    new = candidate.rendered
    if not before.live or new.release.unbuilt or not any(isinstance(step, Migrate) for step in plan):
        return
    try:
        found = environment.foresee(candidate, before.former)
    except TagshipError as error:
        yield f"What is pending isn't known: {error.problem.splitlines()[-1].strip()}"
        return
    yield f"Pending: {', '.join(found.applied) or 'no migration'}"
    if found.way_back:
        yield from timed(found.way_back, before.history).lines
    yield from found.findings


def refuse(found: Iterable[str]) -> None:
    """Raises CheckError with every finding, if there is any; nothing has been changed yet."""
    if lines := list(found):
        raise CheckError("\n".join(lines), hint="solve this first; nothing was changed")


def _observe(environment: LockedEnvironment, order: Order, progress: Progress) -> Observed:
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


def _changes(plan: Plan, new: Rendered, before: Observed) -> bool:
    """Whether there is anything to do, which includes recording a live release."""
    return changes(plan) or (new.name == before.live and not before.proven)


def _plan(order: Order, new: Rendered, before: Observed, reverse: Reverse | None = None) -> Plan:
    return plan_rollout(new, before, order.patience, migrate=order.action.migrates, reverse=reverse)


def _findings(  # noqa: PLR0913, PLR0917 - a plan, and all that it depends on
    environment: Environment, order: Order, candidate: Candidate, before: Observed, plan: Plan, progress: Progress
) -> list[str]:
    """Everything that prevents a plan; for a rollback, only what makes it impossible."""
    volumes = environment.unfit(candidate)
    if order.action is Action.ROLLBACK:
        for line in volumes:
            progress.note(line)
        volumes = []
    drills = undrilled(before, order.drilled_since) if order.action is Action.DEPLOY else ()
    return [
        *findings(candidate.rendered, before, plan),
        *volumes,
        *drills,
        *_unheld(order, plan),
        *_unshared(order, before, plan),
    ]


def _unheld(order: Order, plan: Plan) -> Iterator[str]:
    """Why a candidate that people want to look at can't be shown before the cutover."""
    held = {type(step) for step in plan}
    if order.patience.hold and Cutover in held and Hold not in held:
        yield "It can't be held: it has no route, or old containers stop before the new ones start. Leave --hold out."


def _unshared(order: Order, before: Observed, plan: Plan) -> Iterator[str]:
    """Why no share of the visitors can reach the candidate before the cutover."""
    kinds = {type(step) for step in plan}
    if order.patience.canary is None or Cutover not in kinds or Canary in kinds:
        return
    if not before.live:
        why = "nothing is live yet, whose visitors it could share"
    elif before.routing.closed:
        why = f"maintenance is on; `tagship maintenance.off --env {order.environment}` ends it"
    elif not shares(before):
        why = "the live release has no visitors: it has no route, or answers for maintenance"
    else:
        why = "it has no route, or old containers stop before the new ones start"
    yield f"It can't have a canary: {why}. Leave --canary out."


def _asides(new: Rendered, companion: Companion) -> Iterator[str]:
    """Remarks to show below a plan's steps."""
    yield from companion.announcement.splitlines()
    release = new.release
    yield from dropped(release.sources.model, release.shape)
    yield from overlapping(release.sources.model, release.shape)
    if unbuilt := release.unbuilt:
        yield f"Images not built and pushed yet: {len(unbuilt)}; `tagship ship` builds and pushes them first"


def _outcome(order: Order, new: Rendered, before: Observed, *, changed: bool) -> Outcome:
    release = new.release
    return Outcome(
        environment=order.environment,
        release=new.name,
        tag=release.version.tag,
        previous=before.live,
        url=order.url,
        changed=changed,
        images=release.images,
    )


def _entry(order: Order, new: Rendered, before: Observed, now: str) -> ledger.Entry:
    release = new.release
    return ledger.Entry(
        at=now,
        action=str(order.action),
        result=ledger.GOOD,
        release=new.name,
        tag=release.version.tag,
        previous=before.live,
        by=order.holder.who,
        run=order.holder.run,
        images=dict(release.images),
        why=order.remark,
    )
