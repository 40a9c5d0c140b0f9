"""What was measured: each row's value for each contender in each round, and what can be said of them. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

FLOOR, NOW, BEFORE, OLD = "floor", "now", "before", "old workflow"


@dataclass(frozen=True)
class Row:
    """One line of the table. `name` chooses it on the command line."""

    name: str
    title: str
    unit: str = "s"
    aim: str = ""


@dataclass(frozen=True)
class Figure:
    """Median and range of what was measured."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Results:
    """Filled while the rounds go by."""

    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    """Row and contender → round → value."""
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, row: str, contender: str, number: int, value: float) -> None:
        """One value of one round."""
        self.values.setdefault((row, contender), {})[number] = value

    def fail(self, row: str, contender: str, why: str) -> None:
        """The row has no figure for this contender, whatever was measured before."""
        self.failures[row, contender] = why

    def figure(self, row: str, contender: str) -> Figure | None:
        """None where nothing was measured, or where it failed."""
        values = self.values.get((row, contender))
        return Figure.of(list(values.values())) if values and (row, contender) not in self.failures else None

    def ratio(self, row: str, over: str, under: str) -> float | None:
        """How many times one contender's median the other's is."""
        above, below = self.figure(row, over), self.figure(row, under)
        return above.median / below.median if above and below and below.median else None

    def subtract(self, row: str, less: str, by: str, gives: str, contender: str) -> None:
        """A further row: `row` of a contender less what `less` of another one was in the same round."""
        whole, part = self.values.get((row, contender), {}), self.values.get((less, by), {})
        for number in whole.keys() & part.keys():
            self.add(gives, contender, number, whole[number] - part[number])
