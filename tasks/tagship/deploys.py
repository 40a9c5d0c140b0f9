"""The story of a deploy and of a rollback: lock, observe, plan, apply, record; and the way back when it fails."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tagship import approval, events, ledger
from tagship.adapters.lease import Holder, Lease
from tagship.adapters.target import Reader, Server
from tagship.apply import apply
from tagship.configured import Resolved
from tagship.errors import CheckError, TagshipError
from tagship.model import Release, Rendered
from tagship.plans.check import findings
from tagship.plans.rollout import Patience, plan_recovery, plan_rollout, revival
from tagship.plans.steps import Cutover, Drain, Plan, Prepare, Pull, Remove, Stop
from tagship.ports import Migrated, Observed, Target
from tagship.progress import Progress
from tagship.services import Session
from tagship.signals import interruptible, uninterrupted

Recorded = Callable[[str], Release | None]
"""Reads what the ledger kept of a release, by its name."""


@dataclass(frozen=True)
class Wanted:
    """A release to bring, and its Compose file with the environment's values in it."""

    release: Release
    resolved: Resolved


Choice = Callable[[Observed, Recorded], Wanted]
"""Which release to bring, given what is observed and how to read the ledger's record of one."""

_TIDYING = Drain | Stop | Remove
"""What is left to do once the new release is proven."""


@dataclass
class Options:
    """How a deploy or rollback is to go about it."""

    progress: Progress
    action: str = "deploy"
    wait: float = 0
    dry_run: bool = False
    json: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a deploy did."""

    environment: str
    release: str
    tag: str
    previous: str
    url: str
    changed: bool
    images: Mapping[str, str]
    migrations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    at: str = ""
    """When it began, ISO 8601 by the engine's clock; empty where nothing was done."""
    seconds: float = 0


def rollout(session: Session, choose: Choice, holder: Holder, options: Options) -> Outcome:
    """Bring a release, chosen under the lock, into an environment; put the old one back if that fails."""
    with _locked(session, holder, options) as target:
        began = time.monotonic()
        before = target.observe()
        wanted = choose(before, target.release)
        target.secrets = wanted.resolved.secrets
        configured = wanted.resolved.rendered(wanted.release, target.key)
        plan = _plan(configured, before, session, options)
        outcome = _outcome(session, configured, before, changed=bool(plan))
        if not plan:
            return outcome
        refuse([*findings(configured, before), *target.unfit(configured, target.secrets)])
        entry = _entry(session, options.action, holder, outcome)
        with _sentry(session, target, configured, before, options) as tell:
            done = Rollout(target, before, configured, options.progress, entry, began).carry_out(plan, outcome)
            with uninterrupted():  # it is live and recorded: what is left takes seconds, and puts nothing back
                return tell(done)


def migrate(session: Session, wanted: Wanted, holder: Holder, options: Options) -> Migrated:
    """Bring an environment's schema to a release without deploying it; what it says with `dry_run` is only pending.

    Raises MigrationError; the live release goes on serving whatever happens.
    """
    with _locked(session, holder, options) as target:
        began = time.monotonic()
        before = target.observe()
        target.secrets = wanted.resolved.secrets
        configured = wanted.resolved.rendered(wanted.release, target.key)
        down = before.stopped(wanted.release.shape.accessories) if options.dry_run else ()
        stopped = (f"{name} is stopped: `tagship accessories.up` starts it." for name in down)
        refuse([*findings(configured, before), *target.unfit(configured, target.secrets), *stopped])
        outcome = _outcome(session, configured, before, changed=True)
        rollout = Rollout(
            target, before, configured, options.progress, _entry(session, "migrate", holder, outcome), began
        )
        return rollout.migrate(dry_run=options.dry_run)


@contextmanager
def _locked(session: Session, holder: Holder, options: Options) -> Iterator[Server]:
    """The environment, ours alone."""
    with interruptible(), Lease(session.engine, session.place, holder, wait=options.wait) as lease:
        if lease.took_over:
            options.progress.note(f"took over the expired lock of {lease.took_over.holder.who}")
        with session.target(lease) as target:
            yield target


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
    from tagship import sentry, sentry_beside  # noqa: PLC0415 - only who uses it pays for it

    back = options.action == "rollback"
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


def refuse(found: Iterable[str]) -> None:
    """Raises CheckError with every finding, if there is any: nothing has been changed yet."""
    if lines := list(found):
        raise CheckError("\n".join(lines), hint="nothing was changed")


@dataclass
class Rollout:
    """A deploy under way: everything that is known of it once it is planned."""

    target: Target
    before: Observed
    wanted: Rendered
    progress: Progress
    entry: ledger.Entry
    began: float

    def carry_out(self, plan: Plan, outcome: Outcome) -> Outcome:
        """Apply the plan and record how it ended."""
        try:
            migrated, warnings = self._apply(plan)
        except BaseException as error:
            with uninterrupted():
                serving = self._recover(error)
            events.tell("serving", environment=outcome.environment, release=serving)
            if isinstance(error, TagshipError):
                error.add_hint(f"{serving} is serving" if serving else "nothing is serving: this was the first deploy")
            raise
        with self.progress.step("Record"):
            took = self._record(self.entry, migrated.leaves)
        return dataclasses.replace(
            outcome, migrations=migrated.applied, warnings=tuple(warnings), at=self.entry.at, seconds=took
        )

    def migrate(self, *, dry_run: bool) -> Migrated:
        """Only the schema: the release's containers aren't made, and its network goes again."""
        fresh = self.before.standing(self.wanted.name) is None
        images = tuple(sorted(set(self.wanted.release.images.values())))
        try:
            made = (*revival(self.wanted, self.before), Pull(images), Prepare(self.wanted))
            apply(made, self.target, self.progress.step)
            with self.progress.step("Look at what is pending" if dry_run else "Migrate the database"):
                migrated = self.target.migrate(self.wanted, dry_run=dry_run)
        finally:
            if fresh:
                self.target.remove(self.wanted.name)
        if not dry_run:
            self._record(self.entry, migrated.leaves)
        return migrated

    def _apply(self, plan: Plan) -> tuple[Migrated, list[str]]:
        """The plan; once the new release is proven live, failing to tidy up is a warning and no reason to go back."""
        tidying = next(at for at in range(len(plan) + 1) if all(isinstance(step, _TIDYING) for step in plan[at:]))
        migrated = apply(plan[:tidying], self.target, self.progress.step)
        warnings: list[str] = []
        for step in plan[tidying:]:
            try:
                apply((step,), self.target, self.progress.step)
            except TagshipError as error:
                warnings.append(f"{step}: {error.problem}")
                self.progress.note(warnings[-1])
        return migrated, warnings

    def _recover(self, error: BaseException) -> str:
        """Observe again, plan again: never an undo list. Returns the release that is live then.

        What fails here is said, and doesn't hide the first error.
        """
        live = self.before.live
        try:
            now = dataclasses.replace(self.target.observe(), live_release=self.before.live_release)
            plan = plan_recovery(self.wanted, live, now, self.before.routing)
            apply(plan, self.target, self.progress.step)
            back = any(isinstance(step, Cutover) for step in plan)
            live = live if back else now.live
            why = " ".join((str(error) or type(error).__name__).splitlines()[:2])
            result = ledger.SWITCHED_BACK if back else ledger.FAILED
            self._record(dataclasses.replace(self.entry, result=result, why=why), ())
        except TagshipError as second:
            self.progress.note(f"could not put everything back: {second.problem}; the next deploy will")
        return live

    def _record(self, entry: ledger.Entry, leaves: tuple[str, ...]) -> float:
        """A line in the ledger; returns the seconds since the beginning that it states."""
        known = leaves or next((past.migrations for past in reversed(self.before.history) if past.migrations), ())
        took = round(time.monotonic() - self.began, 2)
        line = ledger.line(dataclasses.replace(entry, seconds=took, migrations=known), self.target.last_line())
        self.target.record(line)
        return took


def preview(session: Session, choose: Choice, options: Options) -> str:
    """The plan, and nothing changed: not even a lock is taken."""
    with session.files() as edge:
        reader = Reader(session.engine, edge, session.place, session.settings.url)
        before = reader.observe()
        wanted = choose(before, reader.release)
    configured = wanted.resolved.rendered(wanted.release, reader.key)
    plan = _plan(configured, before, session, options)
    title = f"{session.settings.name}: {before.live or 'nothing'} → {configured.name}"
    if not plan:
        return f"{title}: nothing to do"
    aside = ["     Meanwhile, and in the end: tell Sentry"] if session.settings.sentry else []
    return "\n".join([title, *(f"{n:3}. {step}" for n, step in enumerate(plan, 1)), *aside])


def _outcome(session: Session, wanted: Rendered, before: Observed, *, changed: bool) -> Outcome:
    release = wanted.release
    return Outcome(
        environment=session.settings.name,
        release=wanted.name,
        tag=release.version.tag,
        previous=before.live,
        url=session.settings.url,
        changed=changed,
        images=release.images,
    )


def _entry(session: Session, action: str, holder: Holder, outcome: Outcome) -> ledger.Entry:
    return ledger.Entry(
        at=datetime.fromtimestamp(session.engine.now(), UTC).isoformat(timespec="seconds"),
        action=action,
        result=ledger.GOOD,
        release=outcome.release,
        tag=outcome.tag,
        previous=outcome.previous,
        by=holder.who,
        run=holder.run,
        images=dict(outcome.images),
        why="unprotected, by override" if os.environ.get(approval.ALLOW) == outcome.environment else "",
    )


def _plan(wanted: Rendered, observed: Observed, session: Session, options: Options) -> Plan:
    settings = session.settings
    patience = Patience(settings.release.drain_within, settings.release.bake.for_, settings.keep)
    return plan_rollout(wanted, observed, patience, migrate=options.action == "deploy")
