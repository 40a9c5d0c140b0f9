"""The story of a deploy and of a rollback: lock, observe, plan, apply, record; and the way back when it fails."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tagship.deploy.execution import Outcome, Rollout, prove
from tagship.deploy.preflight import findings
from tagship.deploy.rollout import Patience, changes, plan_rollout
from tagship.deploy.steps import Plan
from tagship.deploy.target import Migrated, Observed
from tagship.errors import CheckError, StoppedError, TagshipError
from tagship.github import gate as approval
from tagship.images.commit import UNKNOWN
from tagship.proof import ledger
from tagship.release.findings import dropped
from tagship.release.model import Action, Record, Release, Rendered
from tagship.reporting.progress import Progress
from tagship.server.connection import Session
from tagship.server.lease import Holder, Lease
from tagship.server.target import Reader, Server
from tagship.system.signals import interruptible, uninterrupted

Recorded = Callable[[str], Record | None]
"""Reads what was kept of a release, by its name."""


@dataclass(frozen=True)
class Candidate:
    """A release to bring, in an environment's configuration, and the values of its secrets."""

    rendered: Rendered
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    restores: str = ""
    """What a rollback goes back to, by the name it was deployed under."""


Choice = Callable[[Observed, Recorded], Candidate]
"""Which release to bring, given what is observed and how to read what was kept of one."""
Again = Callable[[Observed, Record], Candidate]
"""A release as it was brought before, rendered again from its record."""


@dataclass
class Options:
    """How a deploy or rollback is to go about it."""

    progress: Progress
    action: Action = Action.DEPLOY
    wait: float = 0
    dry_run: bool = False
    json: bool = False


def rollout(session: Session, choose: Choice, again: Again, holder: Holder, options: Options) -> Outcome:
    """Bring a release, chosen under the lock, into an environment; put the old one back if that fails.

    What a killed deploy left is finished first, unless it is what is wanted.
    """
    with _locked(session, holder, options) as (target, lease):
        began = time.monotonic()
        before = _observed(target, options)
        if not before.proven and not _is_live(choose, before, target, options):
            _settle(session, target, before, again=again, dead=_dead(lease), options=options)
            before = target.observe()
        chosen = choose(before, target.release)
        target.secrets = chosen.secrets
        wanted = chosen.rendered
        plan = _plan(wanted, before, session, options)
        outcome = _outcome(session, wanted, before, changed=changes(plan) or _unproven(wanted, before))
        refuse(_findings(chosen, before, plan, target, options) if outcome.changed else ())
        entry = dataclasses.replace(_entry(session, options.action, holder, outcome), restores=chosen.restores)
        under_way = Rollout(target, before, wanted, options.progress, entry, began)
        if not outcome.changed:
            under_way.look(plan)
            return outcome
        with _sentry(session, target, wanted, before, options) as tell:
            done = under_way.carry_out(plan, outcome)
            with uninterrupted():  # it is live and recorded: what is left takes seconds, and puts nothing back
                told = tell(done)
        if under_way.stopped:
            raise under_way.stopped
        return told


def migrate(session: Session, choose: Choice, holder: Holder, options: Options) -> Migrated:
    """Bring an environment's schema to a release without deploying it; what it says with `dry_run` is only pending.

    Raises MigrationError; the live release goes on serving whatever happens.
    """
    with _locked(session, holder, options) as (target, _):
        began = time.monotonic()
        before = target.observe()
        chosen = choose(before, target.release)
        target.secrets = chosen.secrets
        plan = plan_rollout(chosen.rendered, before, Patience())
        down = before.stopped(chosen.rendered.release.shape.accessories) if options.dry_run else ()
        stopped = (f"{name} is stopped: `tagship accessories.up` starts it." for name in down)
        refuse([*_findings(chosen, before, plan, target, options), *stopped])
        outcome = _outcome(session, chosen.rendered, before, changed=True)
        entry = _entry(session, Action.MIGRATE, holder, outcome)
        return Rollout(target, before, chosen.rendered, options.progress, entry, began).migrate(dry_run=options.dry_run)


def preview(session: Session, choose: Choice, options: Options) -> str:
    """The plan, and nothing changed: not even a lock is taken. Raises CheckError, the plan in it, for a refused one."""
    with session.files() as edge:
        reader = Reader(session.engine, edge, session.place, session.settings.url, planning=True)
        before = reader.observe()
        chosen = choose(before, reader.release)
        wanted = chosen.rendered
        plan = _plan(wanted, before, session, options)
        problems = _findings(chosen, before, plan, reader, options)
    title = f"{session.settings.name}: {before.live or 'nothing'} → {wanted.name}"
    if not changes(plan) and not _unproven(wanted, before):
        return f"{title}: nothing to do"
    aside = (f"     {line}" for line in _asides(wanted.release, session))
    text = "\n".join([title, *(f"{n:3}. {step}" for n, step in enumerate(plan, 1)), *aside])
    if problems:
        raise CheckError("\n".join((text, "It would be refused:", *problems)), hint="nothing was changed")
    return text


def _asides(release: Release, session: Session) -> Iterator[str]:
    """What to know of a plan beside its steps."""
    if session.settings.sentry:
        yield "Meanwhile, and in the end: tell Sentry"
    yield from dropped(release.sources.model, release.shape)
    if unknown := {image for image in release.images.values() if image.endswith(UNKNOWN)}:
        yield f"Images not built and pushed yet: {len(unknown)}; `tagship ship` does that first"


def refuse(found: Iterable[str]) -> None:
    """Raises CheckError with every finding, if there is any: nothing has been changed yet."""
    if lines := list(found):
        raise CheckError("\n".join(lines), hint="nothing was changed")


def _findings(chosen: Candidate, before: Observed, plan: Plan, reader: Reader, options: Options) -> list[str]:
    """Everything that stands in the way of a plan; of a way back only what it couldn't do without."""
    volumes = reader.unfit(chosen.rendered, chosen.secrets)
    if options.action is Action.ROLLBACK:
        for line in volumes:
            options.progress.note(line)
        volumes = []
    return [*findings(chosen.rendered, before, plan), *volumes]


@contextmanager
def _locked(session: Session, holder: Holder, options: Options) -> Iterator[tuple[Server, Lease]]:
    """The environment, ours alone."""
    with interruptible(), Lease(session.engine, session.place, holder, wait=options.wait) as lease:
        if lease.took_over:
            options.progress.note(f"took over the expired lock of {lease.took_over.holder.who}")
        with session.target(lease) as target:
            yield target, lease


def _observed(target: Server, options: Options) -> Observed:
    before = target.observe()
    for remark in before.remarks:
        options.progress.note(remark)
    return before


def _is_live(choose: Choice, before: Observed, target: Server, options: Options) -> bool:
    """Whether what is to be brought is live, though the ledger doesn't prove it; a rollback never means that."""
    return options.action is not Action.ROLLBACK and choose(before, target.release).rendered.name == before.live


def _dead(lease: Lease) -> Holder:
    """Who held the lock that was taken over."""
    return lease.took_over.holder if lease.took_over else Holder("", "")


def _settle(  # noqa: PLR0913 - what a deploy consists of
    session: Session, target: Server, before: Observed, *, again: Again, dead: Holder, options: Options
) -> None:
    """Finish, record or undo what a killed deploy made live: the ledger doesn't know of it."""
    if before.live_record is None:
        options.progress.note(f"{before.live} is live, and nobody recorded it: no record of it can be read")
        return
    action = Action.ROLLBACK if dead.doing.startswith(str(Action.ROLLBACK)) else Action.DEPLOY
    release = before.live_record.release
    late = ledger.Entry(
        at=_now(session), action=str(action), result=ledger.GOOD, release=before.live, tag=release.version.tag,
        previous=before.good, by=dead.who, run=dead.run, images=dict(release.images), why="recorded late",
    )  # fmt: skip
    if options.action is Action.ROLLBACK:  # what is to be left isn't finished first
        prove(target, before, late, options.progress)
        return
    try:
        left = again(before, before.live_record)
    except TagshipError as error:  # a variable that is gone, a file that was moved
        options.progress.note(f"{before.live} can't be rendered again: {error.problem}")
        left = None
    if left is None or left.rendered.name != before.live:  # its secrets have changed: it can only be looked at
        prove(target, before, late, options.progress)
        return
    options.progress.note(f"{before.live} was left unfinished by a deploy that was killed")
    target.secrets = left.secrets
    plan = _plan(left.rendered, before, session, options)
    outcome = _outcome(session, left.rendered, before, changed=True)
    under_way = Rollout(target, before, left.rendered, options.progress, late, time.monotonic())
    try:
        under_way.carry_out(plan, outcome)
    except StoppedError:
        raise
    except TagshipError as error:
        options.progress.note(f"{before.live} can't be finished: {error.problem}")
    if under_way.stopped:
        raise under_way.stopped


def _unproven(wanted: Rendered, before: Observed) -> bool:
    """Whether what is wanted is live, and the ledger doesn't say so."""
    return wanted.name == before.live and not before.proven


@contextmanager
def _sentry(
    session: Session, target: Server, wanted: Rendered, before: Observed, options: Options
) -> Iterator[Callable[[Outcome], Outcome]]:
    """Around a rollout: Sentry is told of the release meanwhile, and of the deploy when it succeeded.

    While the release bakes, Sentry is asked how it does.
    """
    settings = session.settings
    if settings.sentry is None:
        yield lambda outcome: outcome
        return
    from tagship.sentry import companion as sentry_beside  # noqa: PLC0415 - the same
    from tagship.sentry import release as sentry  # noqa: PLC0415 - only who uses it pays for it

    back = options.action is Action.ROLLBACK
    subject = sentry.subject(session.place, settings, wanted.release, before.live_release, back=back)
    with sentry_beside.beside(subject, settings.sentry, session.engine, session.credentials) as telling:
        target.onlooker = telling.onlooker(settings.release.bake)

        def tell(outcome: Outcome) -> Outcome:
            with options.progress.step("Tell Sentry"):
                remarks = telling.finish(datetime.fromisoformat(outcome.at).timestamp(), outcome.seconds)
            for remark in remarks:
                options.progress.note(remark)
            return dataclasses.replace(outcome, warnings=(*outcome.warnings, *remarks))

        yield tell


def _outcome(session: Session, wanted: Rendered, before: Observed, *, changed: bool) -> Outcome:
    release: Release = wanted.release
    return Outcome(
        environment=session.settings.name,
        release=wanted.name,
        tag=release.version.tag,
        previous=before.live,
        url=session.settings.url,
        changed=changed,
        images=release.images,
    )


def _entry(session: Session, action: Action, holder: Holder, outcome: Outcome) -> ledger.Entry:
    return ledger.Entry(
        at=_now(session),
        action=str(action),
        result=ledger.GOOD,
        release=outcome.release,
        tag=outcome.tag,
        previous=outcome.previous,
        by=holder.who,
        run=holder.run,
        images=dict(outcome.images),
        why="unprotected, by override" if os.environ.get(approval.ALLOW) == outcome.environment else "",
    )


def _now(session: Session) -> str:
    """By the engine's clock, ISO 8601."""
    return datetime.fromtimestamp(session.engine.now(), UTC).isoformat(timespec="seconds")


def _plan(wanted: Rendered, observed: Observed, session: Session, options: Options) -> Plan:
    settings = session.settings
    patience = Patience(settings.release.drain_within, settings.release.bake.for_, settings.keep)
    return plan_rollout(wanted, observed, patience, migrate=options.action.migrates)
