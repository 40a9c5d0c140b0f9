"""Executes a rollout: applies its plan, records it, and undoes it if it fails."""

import dataclasses
import time
from dataclasses import dataclass, field

from tagship.deploy.apply import apply
from tagship.deploy.companion import Companion, Nobody
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.outcome import Outcome
from tagship.deploy.rollout import Good, plan_recovery, revival
from tagship.deploy.steps import Cutover, Drain, Plan, Prepare, Pull, Remove, Resume, Step, Stop
from tagship.deploy.target import Target
from tagship.errors import LockedError, SmokeTestError, StoppedError, TagshipError
from tagship.proof import ledger
from tagship.release.model import Rendered, ends
from tagship.reporting import events
from tagship.reporting.progress import Progress
from tagship.system.signals import uninterrupted

_TIDYING = Drain | Stop | Remove
"""The steps that remain when the new release is proven."""


@dataclass
class Execution:
    """A planned deploy, and everything that its execution needs."""

    target: Target
    before: Observed
    wanted: Rendered
    progress: Progress
    entry: ledger.Entry
    """The ledger entry, without what is known only at the end."""
    began: float
    """On the monotonic clock."""
    companion: Companion = field(default_factory=Nobody)
    stopped: StoppedError | None = field(default=None, init=False)
    """Set if a signal stopped the deploy after the release was live and recorded; some cleaning up remains."""

    def carry_out(self, plan: Plan, outcome: Outcome) -> Outcome:
        """Apply the plan and record the result.

        If it fails before the release is proven, undo it and raise the error.
        """
        proving, tidying = _parted(plan)
        try:
            look = self.companion.while_baking
            migrated = apply(proving, self.target, self.progress.step, lambda last: look(last=last))
            with uninterrupted(), self.progress.step("Record"):
                took = self._record(self.entry, migrated.leaves)
        except BaseException as error:
            with uninterrupted():
                serving = self._recover(error)
            events.tell("serving", environment=outcome.environment, release=serving or "")
            if isinstance(error, TagshipError):
                error.add_hint(_said(serving))
            raise
        warnings = self._tidy(tidying)
        return dataclasses.replace(
            outcome, migrations=migrated.applied, warnings=warnings, at=self.entry.at, seconds=took
        )

    def look(self, plan: Plan) -> None:
        """Apply a plan that changes nothing. Raises SmokeTestError if the live release doesn't answer."""
        apply(plan, self.target, self.progress.step)

    def migrate(self, *, dry_run: bool) -> Migrated:
        """Migrate only the schema: create no containers, and remove the release's network afterwards."""
        fresh = self.before.standing(self.wanted.name) is None
        images = tuple(sorted(set(self.wanted.release.images.values())))
        try:
            made = (*revival(self.wanted, self.before), Pull(images), Prepare(self.wanted))
            apply(made, self.target, self.progress.step)
            with self.progress.step("List pending migrations" if dry_run else "Migrate the database"):
                migrated = self.target.migrate(self.wanted, dry_run=dry_run)
        finally:
            if fresh and self._nobodys():
                self.target.remove(self.wanted.name)
        if not dry_run:
            self._record(self.entry, migrated.leaves)
        return migrated

    def _nobodys(self) -> bool:
        """Whether no other deploy has brought this release meanwhile, which is possible if the lock was lost."""
        now = self.target.observe()
        return now.live != self.wanted.name and now.standing(self.wanted.name) is None

    def _tidy(self, plan: Plan) -> tuple[str, ...]:
        """Clean up after the new release is proven and recorded. A failure here is a warning and undoes nothing."""
        warnings: list[str] = []
        for at, step in enumerate(plan):
            try:
                apply((step,), self.target, self.progress.step)
            except StoppedError as error:
                left = ", ".join(str(each) for each in plan[at:])
                error.add_hint(f"{self.wanted.name} is serving, and recorded; the next deploy will {left}")
                self.stopped = error
                break
            except TagshipError as error:
                warnings.append(f"{step}: {error.problem}")
                self.progress.note(warnings[-1])
        return tuple(warnings)

    def _recover(self, error: BaseException) -> str | None:
        """Observe again and make a new plan; there is no undo list. Returns the serving release; empty for none.

        Returns None if it can't be determined. If something fails here, it is printed and doesn't hide the first error.
        """
        try:
            now = self.target.observe()
            if now.history != self.before.history or now.live not in {self.before.live, self.wanted.name}:
                self.progress.note("another deploy has written to the ledger meanwhile, so nothing was undone")
                return _serving(now)
            plan = plan_recovery(self.wanted.name, self._good(now), now)
            undone = self._put_back(plan)
            back = any(isinstance(step, Cutover) and step not in undone for step in plan)
            why = _why(str(error)) or type(error).__name__
            result = ledger.SWITCHED_BACK if back else ledger.FAILED
            self._record(dataclasses.replace(self.entry, result=result, why=why), ())
            return _serving(self.target.observe())
        except TagshipError as second:
            self.progress.note(f"not everything was undone: {second.problem} The next deploy will do it.")
        return None

    def _good(self, now: Observed) -> Good:
        """The release that was live before; or, if the ledger doesn't prove it, the proven one that still runs."""
        before = self.before
        name = before.live if before.proven or not now.runs(before.good) else before.good
        standing = before.standing(name)
        if name == before.live:
            release = before.live_release
            return Good(name, release, standing.running if standing else {}, before.routing)
        record = self.target.release(name)
        # also restart what the killed deploy stopped, except one-shots
        present = standing.present if standing else {}
        model = record.release.sources.model if record else {"services": {}}
        runs = {service: count for service, count in present.items() if not ends(model, service)}
        return Good(name, record.release if record else None, runs)

    def _put_back(self, plan: Plan) -> list[Step]:
        """Perform every step that is still safe after earlier ones failed. Returns the steps that weren't done."""
        failed: list[Step] = []
        for step in plan:
            if _unsafe_after(step, failed):
                failed.append(step)
                continue
            try:
                self._insist(step)
            except LockedError:
                raise
            except TagshipError as error:
                failed.append(step)
                self.progress.note(f"{step}: {error.problem}")
        if failed:
            left = "; ".join(str(step) for step in failed)
            self.progress.note(f"not everything was undone; left: {left}. The next deploy will do it.")
        return failed

    def _insist(self, step: Step) -> None:
        """Perform a step; repeat it once if it fails, because the cause may be temporary."""
        try:
            apply((step,), self.target, self.progress.step)
        except LockedError:
            raise
        except TagshipError:
            apply((step,), self.target, self.progress.step)

    def _record(self, entry: ledger.Entry, leaves: tuple[str, ...]) -> float:
        """Add a line to the ledger. Returns the duration that it states, in seconds."""
        known = leaves or next((past.migrations for past in reversed(self.before.history) if past.migrations), ())
        took = round(time.monotonic() - self.began, 2)
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


def _parted(plan: Plan) -> tuple[Plan, Plan]:
    """Split a plan into the part that makes the new release live and proven, and the cleaning up."""
    at = next(at for at in range(len(plan) + 1) if all(isinstance(step, _TIDYING) for step in plan[at:]))
    return plan[:at], plan[at:]


def _unsafe_after(step: Step, failed: list[Step]) -> bool:
    """Whether a step is unsafe after failures.

    The failed release must stay while traffic may reach it, and while it may run, the old one's singletons must not.
    """
    if any(isinstance(other, Cutover) for other in failed):
        return isinstance(step, Drain | Remove | Resume)
    return isinstance(step, Resume) and any(isinstance(other, Remove) for other in failed)


def _why(said: str) -> str:
    """The first line of an error; also the second if only that gives the reason, but never a container's output."""
    first, *rest = said.splitlines() or [""]
    return f"{first} {rest[0]}" if first.endswith(":") and rest and not rest[0].startswith(" ") else first


def _said(serving: str | None) -> str:
    if serving is None:
        return "see `tagship status` for the release that serves now"
    return f"{serving} is serving" if serving else "nothing is serving"


def _serving(now: Observed) -> str:
    """The release that requests reach; empty if they reach none."""
    routed = now.live_release is None or not now.live_release.shape.routes or now.routing.here or now.routing.elsewhere
    return now.live if now.runs(now.live) and routed else ""
