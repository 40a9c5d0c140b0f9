"""What one operator does to the town: each effect on its own, with the rules that it must keep."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from tagship.deploy.canary import Answers, Terms
from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.rollback_plan import Former
from tagship.deploy.target import NOBODY, Listeners
from tagship.errors import StoppedError, TagshipError
from tagship.names import Holder
from tagship.proof import ledger
from tagship.release.model import Record, Rendered
from tagship.server.lease import Lease
from tests.unit.interleaving.operators import KilledError, Operator

if TYPE_CHECKING:
    from tests.unit.interleaving.town import Town

CHANGES = frozenset(
    {"revive", "prepare", "create", "migrate", "reverse", "start", "keep_assets", "serve", "canary", "end_canary",
     "cutover", "stop", "resume", "remove", "record"}
)  # fmt: skip
_LATE = 2
"""Changes after a loss of the lock: the one under way, and the next, during which it is noticed."""


class Hands:
    """One operator's `LockedEnvironment` and `Target`: the town's, one effect at a time, with its rules checked."""

    def __init__(self, town: "Town", operator: Operator, lease: Lease) -> None:
        self._town, self._operator, self._lease = town, operator, lease
        self._last = ""
        """The ledger's last line, as last read or written."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any effect
        effect, half = getattr(self._town.target, name), getattr(self, f"_half_{name}", None)

        def perform(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            return self._perform(name, lambda: effect(*given, **named), (lambda: half(*given)) if half else None)

        return perform

    @property
    def left_by(self) -> Holder | None:
        """Whose expired lock was taken over."""
        return self._lease.took_over.holder if self._lease.took_over else None

    def now(self) -> str:
        """A fixed time."""
        return self._town.target.now()

    def release(self, name: str) -> Record | None:
        """A release's record."""
        return self._town.target.release(name)

    def unfit(self, _: Candidate) -> list[str]:
        """Nothing."""
        return []

    def target(self, _: Candidate | None = None) -> Self:
        """Itself."""
        return self

    def still_ours(self) -> None:
        """Check the lease."""
        self._lease.check()

    def observe(self) -> Observed:
        """Look, also at migrations that run."""
        found: Observed = self._perform("observe", self._town.target.observe)
        self._last = self._town.target.ledger[-1] if self._town.target.ledger else ""
        return dataclasses.replace(found, one_offs=tuple(sorted(self._town.migrating - {self._operator.name})))

    def record(self, entry: ledger.Entry) -> None:
        """Append to the ledger, after the line last seen."""
        line = ledger.line(entry, self._last)
        self._perform("record", lambda: self._town.target.ledger.append(line))
        self._last = line
        if entry.proves:
            town, new = self._town, entry.release
            town.proven = True
            town.unless(town.target.live == new, f"{new} is recorded as good, but isn't live")
            there = town.target.observe().standing(new)
            wanted = ("web",) if entry.why == "recorded late" else town.known[new].order
            lacking = [s for s in wanted if not there or not there.running.get(s)]
            town.unless(not lacking, f"{new} is recorded as good, but {', '.join(lacking)} of it doesn't run")

    def cutover(self, new: str) -> None:
        """Switch; requests to the release before are still in flight."""
        before = self._town.target.live
        self._perform("cutover", lambda: self._town.target.cutover(new))
        if before and before != new:
            self._town.in_flight.add(before)

    def canary(self, new: str, terms: Terms, tell: Any) -> tuple[Answers, Answers]:  # noqa: ANN401 - a function
        """Send it requests for a while, which are still in flight afterwards."""
        under_way = self._perform("canary", lambda: self._town.target.canary(new, terms, tell))
        answers: tuple[Answers, Answers] = under_way
        self._town.in_flight.add(new)
        self._perform("watch", lambda: None)
        return answers

    def bake(self, new: str, seconds: float, look: Any) -> None:  # noqa: ANN401 - a function
        """Look twice, and wait between."""
        self._perform("bake", lambda: look(False))  # noqa: FBT003
        self._perform("bake", lambda: self._town.target.bake(new, seconds, look))

    def drain(self, old: str, seconds: float, quiet: float = 0) -> None:
        """Let the requests in flight end; if that can't be seen, nobody is to blame."""
        try:
            self._perform("drain", lambda: self._town.target.drain(old, seconds, quiet))
        except StoppedError:
            raise
        except TagshipError:
            self._town.in_flight.discard(old)
            raise
        self._town.in_flight.discard(old)

    def stop(self, old: str, services: Sequence[str]) -> None:
        """Stop; no request may be in flight."""
        if not services or "web" in services:
            self._nothing_in_flight(old, "stopped")
        self._perform("stop", lambda: self._town.target.stop(old, services), lambda: self._half_stop(old, services))

    def remove(self, old: str) -> None:
        """Remove; no request may be in flight."""
        self._nothing_in_flight(old, "removed")
        self._perform("remove", lambda: self._town.target.remove(old), lambda: self._half_remove(old))

    def migrate(
        self, wanted: Rendered, former: Former, *, dry_run: bool = False, listeners: Listeners = NOBODY
    ) -> Migrated:
        """Migrate, in a one-off that is there for a while, also after its operator was killed."""
        town, me = self._town, self._operator.name
        self._operator.pause("migrate")
        others = town.migrating - {me}
        town.unless(
            not others or bool(self._operator.unlocked) or town.locks.holder != me, f"{me} and {others} migrate"
        )
        town.migrating.add(me)
        try:
            done: Migrated = self._perform(
                "migrate", lambda: town.target.migrate(wanted, former, dry_run=dry_run, listeners=listeners)
            )
        except KilledError:
            raise
        except BaseException:
            town.migrating.discard(me)
            raise
        town.migrating.discard(me)
        return done

    def _perform(self, name: str, effect: Callable[[], Any], half: Callable[[], object] | None = None) -> Any:  # noqa: ANN401
        town, operator = self._town, self._operator
        try:
            operator.pause(name)
        except KilledError:
            if operator.half and half:
                operator.half = False
                half()
            raise
        town.locks.clock += 1
        if name in CHANGES:
            self._allowed(name)
        result = effect()
        town.look()
        operator.performed()
        return result

    def _allowed(self, name: str) -> None:
        """After a loss of the lock, the change under way and the next one may still happen; then it is noticed."""
        if self._town.locks.holder == self._operator.name:
            self._operator.unlocked.clear()
            return
        self._operator.unlocked.append(name)
        done = self._operator.unlocked
        self._town.unless(len(done) <= _LATE, f"{self._operator.name} went on without the lock: {', '.join(done)}")

    def _nothing_in_flight(self, old: str, what: str) -> None:
        self._town.unless(
            old not in self._town.in_flight or self._operator.dead, f"requests in flight when {old} was {what}"
        )

    def _half_create(self, wanted: Rendered) -> None:
        self._town.target.create(wanted)
        self._town.target._projects[wanted.name].present = {wanted.order[0]: 1}  # noqa: SLF001 - half of its containers

    def _half_prepare(self, wanted: Rendered) -> None:
        self._town.target._records[wanted.name] = wanted.record  # noqa: SLF001 - without a network

    def _half_start(self, wanted: Rendered, services: Sequence[str]) -> None:
        self._town.target.start(wanted, services[:1])

    def _half_stop(self, old: str, services: Sequence[str]) -> None:
        self._town.target.stop(old, (services or ("web",))[:1])

    def _half_remove(self, old: str) -> None:
        project = self._town.target._projects.get(old)  # noqa: SLF001 - half of its containers
        if project:
            project.present.pop("web", None)
            project.running.pop("web", None)
