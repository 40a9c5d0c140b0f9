"""Makes the plan of a deploy or a rollback without carrying it out: as text, or as data."""

import dataclasses
from collections.abc import Iterator

from tagship.deploy.candidate import Candidate
from tagship.deploy.companion import Companion
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order
from tagship.deploy.pauses import pauses
from tagship.deploy.refusal import problems, refuse
from tagship.deploy.rollback_plan import timed
from tagship.deploy.rollout import revival
from tagship.deploy.steps import Migrate, Plan, Prepare, Pull, Remove, Reverse
from tagship.deploy.target import PreviewedEnvironment
from tagship.deploy.way_back import way_back
from tagship.errors import CheckError, TagshipError
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.findings import dropped, overlapping
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress


def preview(environment: PreviewedEnvironment, order: Order, progress: Progress, companion: Companion) -> str:
    """The plan; changes nothing and takes no lock. Raises CheckError, with the plan in it, if it would be refused."""
    before = environment.observe()
    candidate, reverse = way_back(environment, order, order.choose(before, environment.release), before)
    new = candidate.rendered
    plan = order.plan(new, before, reverse)
    title = f"{order.environment}: {before.live or 'nothing'} → {new.name}"
    if not order.outcome(new, before, plan).changed:
        return f"{title}: nothing to do"
    numbered = (f"{number:3}. {step}" for number, step in enumerate(plan, 1))
    text = "\n".join(
        [title, *numbered, *(f"     {line}" for line in (*pauses(plan, before, new), *_asides(new, companion)))]
    )
    if before.canary and before.canary.lasts:
        text = f"{text}\n     A canary is under way, so a deploy has to wait until it has ended."
    if reverse:
        text = "\n".join((text, *(f"     {line}" for line in reverse.plan.lines)))
    if refused := problems(environment, order, candidate, before, plan, progress):
        raise CheckError(
            "\n".join((text, "The deploy would be refused:", *refused)), hint="solve this first; nothing was changed"
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
    candidate, reverse = way_back(environment, order, order.choose(before, environment.release), before)
    new = candidate.rendered
    plan = order.plan(new, before, reverse)
    entry = dataclasses.replace(order.entry(new, before, ""), restores=candidate.restores)
    if order.action is Action.MIGRATE:
        made = (*revival(new, before), Pull(tuple(sorted(set(new.release.images.values())))), Prepare(new))
        left = () if before.standing(new.name) else (Remove(new.name),)
        plan = (*made, Migrate(new, before.former), *left)
    elif not order.outcome(new, before, plan).changed:
        plan = ()
    if plan:
        refuse(problems(environment, order, candidate, before, plan, progress))
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


def _asides(new: Rendered, companion: Companion) -> Iterator[str]:
    """Remarks to show below a plan's steps."""
    yield from companion.announcement.splitlines()
    release = new.release
    yield from dropped(release.sources.model, release.shape)
    yield from overlapping(release.sources.model, release.shape)
    if unbuilt := release.unbuilt:
        yield f"Images not built and pushed yet: {len(unbuilt)}; `tagship ship` builds and pushes them first"
