"""An environment in memory that several operators change at once, and the commands that they run there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

import pytest

from tagship.deploy import execution, story
from tagship.deploy.apply import apply
from tagship.deploy.canary import Terms
from tagship.deploy.candidate import Candidate, Recorded
from tagship.deploy.companion import NoCompanion
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order
from tagship.deploy.rollback import choose_rollback
from tagship.deploy.rollout import Patience
from tagship.engine.client import Engine
from tagship.errors import SmokeTestError, SourceError
from tagship.names import Holder
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.model import Record, Rendered, Route
from tagship.reporting.progress import Progress
from tagship.server import lease
from tagship.server.lease import Lease
from tagship.server.lock import TTL
from tagship.server.session import Session
from tagship.server.tidying import _plan
from tagship.testing import MemoryTarget
from tests.fakes.builders import MIGRATIONS, PLACE, Services, rendered
from tests.unit.interleaving.hands import Hands
from tests.unit.interleaving.locks import LockEngine, Locks
from tests.unit.interleaving.operators import Operator, shielded

SERVICES: Services = {"web": {}, "worker": {}, "beat": {}}
ROUTES = (Route("/*", "web", 8000),), (Route("/*", "web", 8000), Route("/hooks/*", "web", 8001))
KEEP = 2


def release(commit: str, configuration: str = "0") -> Rendered:
    """A commit's release: every second one has another route, so that going back has to change the edge's routes."""
    routes = ROUTES[int(commit, 16) % 2]
    return rendered(
        commit, SERVICES, routes=routes, singletons=("beat",), migrations=MIGRATIONS, configuration=configuration * 64
    )


class Town:
    """The environment, its locks, and the requests in flight. `broken` lists what must never be, as it happened."""

    def __init__(self) -> None:
        self.target = MemoryTarget()
        self.locks = Locks()
        self.broken: list[str] = []
        self.known: dict[str, Rendered] = {}
        self.in_flight: set[str] = set()
        """Releases at which a request is in flight."""
        self.migrating: set[str] = set()
        """Operators whose migration runs, and the dead whose one-off still does."""
        self.proven = False
        """Whether a release was ever proven, so that requests must be answered from then on."""

    def deploy(
        self, commit: str, configuration: str = "0", canary: Terms | None = None
    ) -> Callable[[Operator], object]:
        """The command: deploy this commit, in this configuration."""
        wanted = release(commit, configuration)
        self.known[wanted.name] = wanted
        return self._command(Action.DEPLOY, lambda *_: Candidate(wanted), canary)

    def rollback(self) -> Callable[[Operator], object]:
        """The command: roll back."""
        return self._command(Action.ROLLBACK, self._former)

    def migrate(self, commit: str) -> Callable[[Operator], object]:
        """The command: migrate for this commit, without deploying it."""
        wanted = release(commit)
        self.known[wanted.name] = wanted
        return self._command(Action.MIGRATE, lambda *_: Candidate(wanted))

    def tidy(self, operator: Operator) -> None:
        """The command: remove what no release needs."""
        with self._locked(operator, "releases.prune") as hands:
            session = SimpleNamespace(settings=SimpleNamespace(keep=KEEP, release=SimpleNamespace(drain_within=1)))
            apply(_plan(hands.observe(), cast("Session", session)), hands.target(), Progress(quiet=True).step)

    def _command(
        self, action: Action, choose: Callable[[Observed, Recorded], Candidate], canary: Terms | None = None
    ) -> Callable[[Operator], object]:
        def command(operator: Operator) -> object:
            who = Holder(operator.name, str(action))
            patience = Patience(1, bake=1, keep=KEEP, canary=canary)
            order = Order("staging", "https://x", action, who, choose, self._again, patience)
            with self._locked(operator, str(action)) as hands:
                if action is Action.MIGRATE:
                    return story.migrate(hands, order, Progress(quiet=True))
                return story.rollout(hands, order, Progress(quiet=True), NoCompanion())

        command.__name__ = str(action)
        return command

    @contextmanager
    def _locked(self, operator: Operator, doing: str) -> Iterator[Hands]:
        engine = LockEngine(self.locks, operator.pause)
        with _Lease(cast("Engine", engine), PLACE, Holder(operator.name, doing), wait=-1) as lease:
            yield Hands(self, operator, lease)

    def _again(self, _observed: Observed, record: Record) -> Candidate:
        return Candidate(next(each for each in self.known.values() if each.record == record))

    def _former(self, observed: Observed, recorded: Recorded) -> Candidate:
        for name in choose_rollback(observed):
            if name != observed.live and recorded(name):
                return Candidate(self.known[name], restores=name)
        raise SourceError("No earlier release differs from the live one.")

    def whole(self) -> list[str]:
        """What isn't as an undisturbed command must leave it."""
        now = self.target.observe()
        running = [each.name for each in now.releases if each.runs]
        wanted = self.known[now.live].order if now.live in self.known else ()
        standing = now.standing(now.live)
        return [
            text
            for text, wrong in (
                (f"{now.live} is live, but the ledger says {now.good}", not now.proven),
                (f"these run: {running}", running != [now.live]),
                (f"{now.live} isn't complete", not standing or any(not standing.running.get(s) for s in wanted)),
                ("the edge serves other routes than the live release's", not now.routing.stands),
                (f"networks without containers: {now.empty}", bool(now.empty)),
                (f"too many releases: {len(now.releases)}", len(now.releases) > KEEP + 1),
                ("a canary goes on", bool(now.canary)),
                ("somebody holds the lock", bool(self.locks.held)),
            )
            if wrong
        ]

    def settle(self, commit: str = "f") -> list[str]:
        """What is wrong after the dead's locks and one-offs have ended, and one more deploy ran undisturbed."""
        self.locks.clock += 10 * TTL
        self.migrating.clear()
        operator = Operator.started("zoe", self.deploy(commit)).run()
        refused = [f"the next deploy fails: {operator.error!r}"] if operator.error else []
        return [*self.broken, *refused, *self.whole()]

    def look(self) -> None:
        """After an effect: what must hold at every moment."""
        breaks = list(ledger.breaks(tuple(self.target.ledger)))
        self.unless(not breaks, f"the ledger's chain is broken: {breaks}")
        if canary := self.target.under_way:
            now = self.target.observe().standing(canary.release)
            self.unless(bool(now and now.running.get("web")), f"requests to the canary {canary.release} fail")
        if self.proven:
            try:
                self.target.smoke_test(self.target.live, candidate=False)
            except SmokeTestError as error:
                self.broken.append(f"requests fail: {error.problem}")

    def unless(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion
        """Note what must never be, unless this holds."""
        if not holds:
            self.broken.append(otherwise)


class _Lease(Lease):
    """A lease whose renewal the machine does, so that nothing depends on time."""

    def _renew(self) -> None:
        self._stop.wait()


@contextmanager
def in_town() -> Iterator[None]:
    """The block in which operators are started: what would run beside them runs within them instead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "ahead", _at_once)
        patch.setattr(story, "uninterrupted", shielded)
        patch.setattr(execution, "uninterrupted", shielded)
        yield


def _at_once(call: Callable[[], bool]) -> Callable[[], bool]:
    found = call()
    return lambda: found
