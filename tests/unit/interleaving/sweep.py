"""Every fault at every effect of every command, one after another; then the next deploy must leave order."""

import copy
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tagship.deploy.canary import Terms
from tagship.errors import ConnectionFailedError, EngineError, RolloutError, StoppedError
from tagship.server.lock import TTL
from tests.unit.interleaving.operators import Operator
from tests.unit.interleaving.town import Town

Fault = Callable[[Town, Operator], object]
"""What happens while an operator waits before an effect."""


def _other(town: Town, then: Callable[[Town], Callable[[Operator], object]]) -> None:
    """Another operator's whole command."""
    Operator.started("bob", then(town)).run()


def _freed(town: Town, operator: Operator) -> None:
    operator.faults.append("lock freed")
    town.locks.free()


def _slept(town: Town, operator: Operator) -> None:
    operator.faults.append("slept")
    town.locks.clock += 2 * TTL


def _both(first: Fault, *then: Callable[[Town], Callable[[Operator], object]]) -> Fault:
    def happen(town: Town, operator: Operator) -> None:
        first(town, operator)
        for each in then:
            _other(town, each)

    return happen


IN_VAIN = "another deploy is refused"
FAULTS: Mapping[str, Fault] = {
    "killed": lambda _, operator: operator.kill(),
    "killed half-way": lambda _, operator: operator.kill(half=True),
    "the engine refuses": lambda _, operator: operator.meet(EngineError("busy", status=500)),
    "it crashes": lambda _, operator: operator.meet(RolloutError("it crashed")),
    "the link is cut after it": lambda _, operator: operator.meet(ConnectionFailedError("cut"), late=True),
    "a signal": lambda _, operator: operator.meet(StoppedError("Stopped by SIGTERM.")),
    "system prune": lambda town, _: town.locks.prune(),
    IN_VAIN: lambda town, _: _other(town, lambda _: town.deploy("e")),
    "the lock is freed": _freed,
    "the lock is freed, another deploys": _both(_freed, lambda town: town.deploy("e")),
    "the lock is freed, another prunes": _both(_freed, lambda town: town.tidy),
    "the lock is freed, another goes back": _both(_freed, lambda town: town.rollback()),
    "it sleeps": _slept,
    "it sleeps, another deploys": _both(_slept, lambda town: town.deploy("e")),
    "it sleeps, another deploys the same": _both(_slept, lambda town: town.deploy("3")),
    "it sleeps, another goes back": _both(_slept, lambda town: town.rollback()),
}  # fmt: skip
LASTING = frozenset({"observe", "pull", "create", "migrate", "start", "watch", "bake", "drain"})
"""Effects that last long enough for another's whole command. For an instant nobody can lose the lock to one."""
CANARY = Terms(10, 60)
COMMANDS: Mapping[str, tuple[str, Callable[[Town], Callable[[Operator], object]]]] = {
    "first deploy": ("", lambda town: town.deploy("3")),
    "deploy": ("12", lambda town: town.deploy("3")),
    "deploy with a canary": ("12", lambda town: town.deploy("3", canary=CANARY)),
    "deploy of a configuration": ("12", lambda town: town.deploy("2", "1")),
    "deploy of what is live": ("12", lambda town: town.deploy("2")),
    "rollback": ("123", lambda town: town.rollback()),
    "migrate": ("12", lambda town: town.migrate("3")),
    "prune": ("1234", lambda town: town.tidy),
}
"""What was deployed before, and the command."""


@dataclass(frozen=True)
class Case:
    """One fault at one effect of a command, and what was wrong then."""

    command: str
    fault: str
    at: int
    effect: str
    wrong: tuple[str, ...]


def town(before: str) -> Town:
    """A town to which these commits were deployed in turn; each has one migration more."""
    return copy.deepcopy(_town(before))


@functools.cache
def _town(before: str) -> Town:
    made = Town()
    for commit in before:
        made.target.pending = (*made.target.pending, f"shop.000{commit}")
        Operator.started("eve", made.deploy(commit)).run()
    made.target.pending = ("shop.9999",)
    return made


def cases(commands: Iterable[str] = COMMANDS, faults: Iterable[str] = FAULTS) -> Iterator[Case]:
    """Every case, tried."""
    for command in commands:
        for fault in faults:
            yield from (tried(command, fault, at) for at in range(effects(command)))


def sample() -> Iterator[Case]:
    """Every fault of every command once, each time at another effect."""
    for number, (command, fault) in enumerate(itertools.product(COMMANDS, FAULTS)):
        yield tried(command, fault, number % effects(command))


@functools.cache
def effects(command: str) -> int:
    """How many effects a command has."""
    before, give = COMMANDS[command]
    operator, count = Operator.started("ann", give(town(before))), 0
    while not operator.ended:
        operator.advance()
        count += 1
    return count


def tried(command: str, fault: str, at: int) -> Case:
    """One case."""
    before, give = COMMANDS[command]
    there = town(before)
    was = there.target.observe()
    operator = Operator.started("ann", give(there))
    for _ in range(at):
        operator.advance()
    effect = operator.next
    if "another " in fault and fault != IN_VAIN and effect not in LASTING:
        return Case(command, fault, at, effect, ())
    FAULTS[fault](there, operator)
    operator.run()
    alone = fault in {"the engine refuses", "it crashes", "a signal"}
    wrong = (*operator.bugs, *(_alone(there, operator, was.live) if alone else ()), *there.settle())
    return Case(command, fault, at, effect, wrong)


def _alone(there: Town, operator: Operator, live: str) -> Iterator[str]:
    """What is wrong after a command that nobody else disturbed, and that met one fault and handled it."""
    now = there.target.observe()
    tidying = isinstance(operator.error, StoppedError) and now.live != live
    if operator.error and live and not tidying:
        yield from (f"after the failure: {text}" for text in there.whole() if "holds" not in text)
    elif live and not now.proven:
        yield f"{now.live} is live, but the ledger says {now.good}"
