"""Undoes a failed rollout."""

from collections.abc import Callable
from dataclasses import dataclass

from tagship.deploy.apply import apply
from tagship.deploy.observed import Observed
from tagship.deploy.rollout import GoodRelease, plan_recovery
from tagship.deploy.steps import Cutover, Drain, EndCanary, Plan, Remove, Resume, Step, Stop
from tagship.deploy.target import Target
from tagship.errors import LockedError, TagshipError
from tagship.proof import ledger
from tagship.release.model import ends
from tagship.reporting.progress import Progress


@dataclass(frozen=True)
class Recovery:
    """Restores what was live before the failed release, as far as the observed state allows."""

    target: Target
    before: Observed
    new: str
    """The release that failed."""
    progress: Progress

    def run(self, error: BaseException, record: Callable[[str, str], object]) -> str | None:
        """Observe again and make a new plan; there is no undo list. Returns the serving release; empty for none.

        Returns None if it can't be determined. If something fails here, it is printed and doesn't hide the first error.
        `record` takes the result and the reason for the ledger.
        """
        try:
            now = self.target.observe()
            if now.history != self.before.history or now.live not in {self.before.live, self.new}:
                self.progress.note(self._meanwhile(now))
                return _serving(now)
            plan = plan_recovery(self.new, self._good(now), now)
            undone = self._put_back(plan)
            back = any(isinstance(step, Cutover) and step not in undone for step in plan)
            try:
                record(ledger.SWITCHED_BACK if back else ledger.FAILED, reason(str(error)) or type(error).__name__)
            except LockedError as lost:
                self.progress.note(f"not recorded: {lost.problem}")
            return _serving(self.target.observe())
        except TagshipError as second:
            self.progress.note(f"not everything was undone: {second.problem} The next deploy will do it.")
        return None

    def _meanwhile(self, now: Observed) -> str:
        """Why nothing is undone: this deploy's own record was written, or another deploy's."""
        *kept, _ = now.history or (None,)
        # both are the ledger's last lines, so the oldest may have left it
        before, added = self.before.history[max(0, len(self.before.history) - len(kept)) :], now.history[-1:]
        ours = now.live == self.new and tuple(kept) == before and [e.release for e in added if e.proves] == [now.live]
        if ours:
            return f"{self.new} is live and recorded; only the answer was lost. The next deploy will clean up."
        stays = now.live != self.new and now.runs(self.new)
        left = f"; {self.new} still runs. The next deploy will stop it." if stays else ""
        return f"another deploy has written to the ledger meanwhile, so nothing was undone{left}"

    def _good(self, now: Observed) -> GoodRelease:
        """The release that was live before; or, if the ledger doesn't prove it, the proven one that still runs.

        If the other one failed, the proven one may also be stopped: a killed deploy may have been replacing a service
        that never runs twice.
        """
        before = self.before
        proven = now.standing(before.good)
        stopped = proven is not None and any(proven.present.values())
        failed = before.live == self.new or not now.runs(before.live)
        name = before.good if not before.proven and (now.runs(before.good) or (stopped and failed)) else before.live
        standing = before.standing(name)
        if name == before.live:
            release = before.live_release
            return GoodRelease(name, release, standing.running if standing else {}, before.routing)
        record = self.target.release(name)
        # also restart what the killed deploy stopped, except one-shots
        present = standing.present if standing else {}
        model = record.release.sources.model if record else {"services": {}}
        runs = {service: count for service, count in present.items() if not ends(model, service)}
        return GoodRelease(name, record.release if record else None, runs)

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


def _unsafe_after(step: Step, failed: list[Step]) -> bool:
    """Whether a step is unsafe after failures.

    The failed release must stay while traffic may reach it, and while it may run, the old one's singletons must not.
    """
    if any(isinstance(other, Cutover | EndCanary) for other in failed):
        return isinstance(step, Drain | Stop | Remove | Resume)
    return isinstance(step, Resume) and any(isinstance(other, Remove) for other in failed)


def reason(message: str) -> str:
    """The first line of an error; also the second if only that gives the reason, but never a container's output."""
    first, *rest = message.splitlines() or [""]
    return f"{first} {rest[0]}" if first.endswith(":") and rest and not rest[0].startswith(" ") else first


def _serving(now: Observed) -> str:
    """The release that requests reach; empty if they reach none."""
    routed = now.live_release is None or not now.live_release.shape.routes or now.routing.here or now.routing.elsewhere
    return now.live if now.runs(now.live) and routed else ""
