"""A rollout under way: its plan applied, recorded and tidied up."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tagship.deploy.apply import apply
from tagship.deploy.companion import Companion, NoCompanion
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.outcome import Outcome
from tagship.deploy.recovery import Recovery, reason
from tagship.deploy.rollback_plan import REVERSED, RollbackPlan, Way, timed
from tagship.deploy.rollout import revival
from tagship.deploy.steps import Drain, Plan, Prepare, Pull, Remove, Reverse, Stop
from tagship.deploy.target import Listeners, Target
from tagship.errors import LockedError, SmokeTestError, StoppedError, TagshipError
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.model import Rendered
from tagship.reporting import events
from tagship.reporting.progress import Progress
from tagship.system.signals import uninterrupted

_TIDYING = Drain | Stop | Remove | Reverse
"""The steps that remain when the new release is proven."""


@dataclass
class Execution:
    """A planned deploy, and everything that its execution needs."""

    target: Target
    before: Observed
    new: Rendered
    progress: Progress
    entry: ledger.Entry
    """The ledger entry, without what is known only at the end."""
    began: float
    """On the monotonic clock."""
    companion: Companion = field(default_factory=NoCompanion)
    stopped: StoppedError | None = field(default=None, init=False)
    """Set if a signal stopped the deploy after the release was live and recorded; some cleaning up remains."""
    unreversed: TagshipError | None = field(default=None, init=False)
    """Set if the release is live and recorded, but migrations couldn't be reversed."""
    serving: str = field(default="", init=False)
    """The release that serves after a failure, if that is known."""
    canary: str = field(default="", init=False)
    """How a canary went."""
    declared: RollbackPlan | None = field(default=None, init=False)
    """The way back, once it is known."""

    def carry_out(self, plan: Plan, outcome: Outcome) -> Outcome:
        """Apply the plan and record the result.

        If it fails before the release is proven, undo it and raise the error.
        """
        proving, tidying = parted(plan)
        try:
            look = self.companion.while_baking
            listeners = Listeners(
                lambda last: look(last=last),
                self.progress.note,
                self._declare,
                self._backed_up,
                self._paused,
                self._tried,
                self.companion.around,
            )
            migrated = apply(proving, self.target, self.progress.step, listeners)
            with uninterrupted(), self.progress.step("Record"):
                took = self._record(self.entry, migrated.leaves)
        except BaseException as error:
            with uninterrupted():
                serving = Recovery(self.target, self.before, self.new.name, self.progress).run(error, self._failed)
            self.serving = serving or ""
            events.tell("serving", environment=outcome.environment, release=serving or "")
            if isinstance(error, TagshipError):
                error.add_hint(_said(serving))
                if self.declared and self.declared.way is not Way.CODE:
                    error.add_hint(f"what was applied of {', '.join(self.declared.migrations)} stays applied")
            raise
        warnings = self._tidy(tidying)
        if self.unreversed:
            raise self.unreversed
        way_back = tuple(self.declared.lines) if self.declared else ()
        warnings = (*migrated.findings, *warnings)
        return dataclasses.replace(
            outcome, migrations=migrated.applied, warnings=warnings, canary=self.canary, way_back=way_back,
            at=self.entry.at, seconds=took,
        )  # fmt: skip

    def look(self, plan: Plan) -> None:
        """Apply a plan that changes nothing. Raises SmokeTestError if the live release doesn't answer."""
        apply(plan, self.target, self.progress.step)

    def migrate(self, *, dry_run: bool) -> Migrated:
        """Migrate only the schema: create no containers, and remove the release's network afterwards."""
        fresh = self.before.standing(self.new.name) is None
        images = tuple(sorted(set(self.new.release.images.values())))
        try:
            made = (*revival(self.new, self.before), Pull(images), Prepare(self.new))
            apply(made, self.target, self.progress.step)
            with self.progress.step("List pending migrations" if dry_run else "Migrate the database"):
                listeners = Listeners(
                    tell=self.progress.note,
                    declare=self._declare,
                    backed_up=self._backed_up,
                    around=self.companion.around,
                )
                self.target.still_ours()
                migrated = self.target.migrate(self.new, self.before.former, dry_run=dry_run, listeners=listeners)
        except TagshipError as error:
            with uninterrupted():
                if self.declared:
                    self._record_anew(dataclasses.replace(self.entry, result=ledger.FAILED, why=reason(error.problem)))
                self._leave_nothing(fresh=fresh)
            raise
        with uninterrupted():
            try:
                if not dry_run:
                    self._record(self.entry, migrated.leaves)
            except LockedError:
                self._record_anew(self.entry, migrated.leaves)
            finally:
                self._leave_nothing(fresh=fresh)
        return migrated

    def _leave_nothing(self, *, fresh: bool) -> None:
        """Remove the network of a fresh release, unless another deploy has brought it since the lock was lost."""
        if not fresh:
            return
        try:
            now = self.target.observe()
            if now.live != self.new.name and now.standing(self.new.name) is None:
                apply((Remove(self.new.name),), self.target, self.progress.step)
        except TagshipError as error:
            self.progress.note(f"the network of {self.new.name} is left: {error.problem} The next deploy removes it.")

    def _declare(self, plan: RollbackPlan) -> None:
        """Show the way back, and keep it for the ledger, however the deploy ends."""
        self.declared = plan = timed(plan, self.before.history)
        self.entry = dataclasses.replace(self.entry, way_back=plan.encoded())
        for line in plan.lines:
            self.progress.note(line)

    def _paused(self, seconds: float, services: Sequence[str]) -> None:
        """Keep for the ledger, and for the next plan, how long nothing answered."""
        if set(services) & set(self.new.routed) and self.before.live and self.before.live != self.new.name:
            self.entry = dataclasses.replace(self.entry, paused=round(seconds, 2))

    def _tried(self, how: str) -> None:
        """Show how a canary went, and keep it for the ledger."""
        self.entry = dataclasses.replace(self.entry, why=", ".join(filter(None, (self.entry.why, how))))
        self.canary = how
        self.progress.note(how)

    def _backed_up(self, backup: str) -> None:
        """Show the backup's id, and keep it for the ledger, however the deploy ends."""
        self.entry = dataclasses.replace(self.entry, backup=backup)
        self.progress.note(f"backed up as {backup}")

    def _tidy(self, plan: Plan) -> tuple[str, ...]:
        """Clean up after the new release is proven and recorded. A failure here is a warning and undoes nothing."""
        warnings: list[str] = []
        undrained = ""
        for at, step in enumerate(plan):
            if isinstance(step, Stop) and step.release == undrained:
                warnings.append(
                    f"{step.release} may still answer requests, so it runs on; the next deploy will stop it"
                )
                self.progress.note(warnings[-1])
                continue
            try:
                done = apply((step,), self.target, self.progress.step, Listeners(tell=self.progress.note))
                if isinstance(step, Reverse):
                    self._reversed(step, done)
            except StoppedError as error:
                left = ", ".join(str(each) for each in plan[at:])
                error.add_hint(f"{self.new.name} is serving, and recorded; the next deploy will {left}")
                self.stopped = error
                break
            except LockedError as error:  # what is left may be what another deploy has brought
                warnings.append(f"{error.problem} Nothing more was cleaned up; the next deploy will do that.")
                self.progress.note(warnings[-1])
                break
            except TagshipError as error:
                undrained = step.release if isinstance(step, Drain) else undrained
                if isinstance(step, Reverse):
                    again = f"`tagship rollback --to {self.entry.tag[:8]}`"
                    error.add_hint(f"{self.new.name} is serving, on the newer schema; {again} tries it again")
                    self.unreversed = error
                later = "" if isinstance(step, Drain | Reverse) else " The next deploy will do what is left of it."
                warnings.append(f"{step}: {error.problem}{later}")
                self.progress.note(warnings[-1])
        return tuple(warnings)

    def _reversed(self, step: Reverse, done: Migrated) -> None:
        """Record the schema after reversing. This entry also says that the rollback has nothing left to reverse."""
        entry = dataclasses.replace(
            self.entry,
            action=Action.MIGRATE.value,
            why=f"reversed {', '.join(step.plan.migrations)}",
            way_back={REVERSED: list(step.plan.migrations)},
        )
        self._record(entry, done.leaves or step.plan.leaves)

    def _failed(self, result: str, why: str) -> None:
        self._record(dataclasses.replace(self.entry, result=result, why=why), ())

    def _record_anew(self, entry: ledger.Entry, leaves: tuple[str, ...] = ()) -> None:
        """Record after what others may have recorded meanwhile."""
        self.target.observe()
        self._record(entry, leaves)

    def _record(self, entry: ledger.Entry, leaves: tuple[str, ...]) -> float:
        """Add a line to the ledger. Returns the duration that it states, in seconds."""
        known = leaves or next((past.migrations for past in reversed(self.before.history) if past.migrations), ())
        took = round(time.monotonic() - self.began, 2)
        self.target.still_ours()
        self.target.record(dataclasses.replace(entry, seconds=took, migrations=known))
        return took


def prove(target: Target, before: Observed, entry: ledger.Entry, progress: Progress) -> None:
    """Record late what a killed deploy made live, as good if it passes its smoke test."""
    routed = before.live_release is None or before.live_release.shape.routes
    try:
        if routed:
            with progress.step(f"Smoke-test {before.live}, which was never recorded"):
                target.smoke_test(before.live, candidate=False)
    except SmokeTestError as error:
        entry = dataclasses.replace(entry, result=ledger.FAILED, why=f"recorded late: {error.problem.splitlines()[-1]}")
    target.record(entry)
    progress.note(f"recorded late: {before.live}, {entry.result}")


def parted(plan: Plan) -> tuple[Plan, Plan]:
    """Split a plan into the part that makes the new release live and proven, and the cleaning up."""
    at = next(at for at in range(len(plan) + 1) if all(isinstance(step, _TIDYING) for step in plan[at:]))
    return plan[:at], plan[at:]


def _said(serving: str | None) -> str:
    if serving is None:
        return "see `tagship status` for the release that serves now"
    return f"{serving} is serving" if serving else "nothing is serving"
