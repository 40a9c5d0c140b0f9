"""Two operators' commands in any order, effect by effect, with kills and faults: nothing is lost, and order returns."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tagship.deploy.canary import Terms
from tagship.errors import ConnectionFailedError, EngineError, RolloutError, StoppedError
from tagship.server.lock import TTL
from tests.unit.fuzz import EXAMPLES
from tests.unit.interleaving import sweep
from tests.unit.interleaving.operators import Operator
from tests.unit.interleaving.town import Town, in_town

_MANY = int(os.environ.get(EXAMPLES, "0"))
WHO = st.sampled_from(["ann", "bob"])
FAULTS = st.sampled_from(
    [
        EngineError("busy", status=500),
        RolloutError("it crashed"),
        ConnectionFailedError("cut"),
        StoppedError("Stopped."),
    ]
)


@pytest.fixture(autouse=True)
def _in_town() -> Iterator[None]:
    with in_town():
        yield


def test_every_fault_of_every_command_leaves_order() -> None:
    assert [case for case in (sweep.cases() if _MANY else sweep.sample()) if case.wrong] == []


class Operators(RuleBasedStateMachine):
    """Two operators, of whom the machine lets one go on at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.town = Town()
        self.at_work: dict[str, Operator] = {}
        self.count = 0

    def _active(self) -> list[Operator]:
        return [operator for operator in self.at_work.values() if not operator.ended]

    @rule(
        who=WHO,
        commit=st.sampled_from("1234"),
        configuration=st.sampled_from("01"),
        canary=st.sampled_from([None, sweep.CANARY]),
    )
    def deploy(self, who: str, commit: str, configuration: str, canary: Terms | None) -> None:
        """Begin a deploy."""
        self._begin(who, self.town.deploy(commit, configuration, canary))

    @rule(who=WHO)
    def rollback(self, who: str) -> None:
        """Begin a rollback."""
        self._begin(who, self.town.rollback())

    @rule(who=WHO, commit=st.sampled_from("1234"))
    def migrate(self, who: str, commit: str) -> None:
        """Begin a migration alone."""
        self._begin(who, self.town.migrate(commit))

    @rule(who=WHO)
    def prune(self, who: str) -> None:
        """Begin to remove what no release needs."""
        self._begin(who, self.town.tidy)

    def _begin(self, who: str, command: object) -> None:
        if who not in self.at_work or self.at_work[who].ended:
            self.count += 1
            self.at_work[who] = Operator.started(f"{who}{self.count}", command)  # type: ignore[arg-type]

    @precondition(lambda self: self._active())
    @rule(who=WHO, effects=st.sampled_from([1, 2, 5, 30]))
    def go_on(self, who: str, effects: int) -> None:
        """Let one perform some effects."""
        for _ in range(effects if who in self.at_work else 0):
            self.at_work[who].advance()

    @precondition(lambda self: self._active())
    @rule(who=WHO, half=st.booleans())
    def kill(self, who: str, half: bool) -> None:  # noqa: FBT001
        """Kill one."""
        if operator := self.at_work.get(who):
            operator.kill(half=half)

    @precondition(lambda self: self._active())
    @rule(who=WHO, fault=FAULTS, late=st.booleans())
    def fail(self, who: str, fault: Exception, late: bool) -> None:  # noqa: FBT001
        """Let one's next effect fail, before or after it happened."""
        if operator := self.at_work.get(who):
            operator.meet(fault, late=late and not isinstance(fault, RolloutError))

    @rule()
    def restart_engine(self) -> None:
        """Restart the engine: containers come back, every connection is cut, and so is every request."""
        self.town.in_flight.clear()
        for operator in self._active():
            operator.meet(ConnectionFailedError("the engine restarts"))

    def _nothing_instant(self) -> bool:
        return all(operator.next in sweep.LASTING for operator in self._active())

    @precondition(_nothing_instant)
    @rule()
    def free_lock(self) -> None:
        """Free the lock by hand, whoever has it."""
        self.town.locks.free()

    @precondition(_nothing_instant)
    @rule()
    def sleep(self) -> None:
        """Let every operator's machine sleep for longer than a lock lasts."""
        self.town.locks.clock += 2 * TTL

    @rule()
    def wait(self) -> None:
        """Let a minute pass: the living renew their lock, the lock of the dead expires, and their one-offs end."""
        living = {operator.name for operator in self._active()}
        self.town.locks.clock += 2 * TTL
        self.town.migrating &= living
        for name in living:
            self.town.locks.renew(name)

    @rule()
    def system_prune(self) -> None:
        """Remove the lock's container, which doesn't run."""
        self.town.locks.prune()

    @rule(name=st.sampled_from(["shop.0001", "shop.0002", "shop.0003"]))
    def add_migration(self, name: str) -> None:
        """Let there be one to apply."""
        target = self.town.target
        if name not in (*target.pending, *target.applied):
            target.pending = (*target.pending, name)

    @invariant()
    def nothing_is_broken(self) -> None:
        """What every effect checked, and that nobody met a bug."""
        bugs = [bug for operator in self.at_work.values() for bug in operator.bugs]
        _nothing(*self.town.broken, *bugs)

    def teardown(self) -> None:
        """Let everyone come to an end, and deploy once more, undisturbed."""
        for operator in self._active():
            operator.run()
        _nothing(*self.town.settle())


def _nothing(*wrong: str) -> None:
    if wrong:
        raise AssertionError("\n".join(dict.fromkeys(wrong)))


TestOperators = Operators.TestCase
TestOperators.settings = settings(
    max_examples=_MANY or 12,
    stateful_step_count=30,
    derandomize=not _MANY,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
