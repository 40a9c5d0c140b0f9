"""Whether a quantity grew during a soak, and its curve as a picture. Pure."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

TOLERATED = 0.1
"""The share by which the end may lie above the middle."""
LEAST = 8
"""Samples without which nothing is decided."""
_WIDTH, _HEIGHT, _COLUMNS, _LEFT, _TOP = 280, 110, 3, 12, 34
_STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
path { fill: none; stroke: #2f81f7; stroke-width: 1.5 }
line { stroke: #8c959f; stroke-width: 1 }
.grown path { stroke: #cf222e }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>"""


@dataclass
class Quantity:
    """What was measured again and again: `(seconds since the beginning, value)`."""

    name: str
    unit: str = ""
    slack: float = 0
    """By how much it may differ for reasons of the moment."""
    by_design: str = ""
    """Why it may grow; empty if it may not."""
    samples: list[tuple[float, float]] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        """The values alone."""
        return [value for _, value in self.samples]

    @property
    def grew(self) -> bool:
        """Whether it grew, though it may not.

        The first quarter warms up. It grew if the median of the last quarter lies above the largest value of the second
        by more than a tenth of that, and by more than its slack.
        """
        values = self.values
        if self.by_design or len(values) < LEAST:
            return False
        quarter = len(values) // 4
        before, after = max(values[quarter : 2 * quarter]), median(values[-quarter:])
        return after - before > max(self.slack, TOLERATED * before)

    @property
    def line(self) -> str:
        """As a row of a table."""
        values = self.values
        quarter = max(1, len(values) // 4)
        says = "**grew**" if self.grew else f"yes, {self.by_design}" if self.by_design else "no"
        numbers = (values[0], max(values[quarter : 2 * quarter] or values), median(values[-quarter:]), max(values))
        return f"| {self.name} | {' | '.join(f'{number:.0f} {self.unit}'.strip() for number in numbers)} | {says} |"


def table(quantities: Sequence[Quantity]) -> Iterator[str]:
    """The lines of a Markdown table."""
    yield "| | first | largest of the second quarter | median of the last quarter | largest | grows |"
    yield "|---|---|---|---|---|---|"
    yield from (quantity.line for quantity in quantities if quantity.samples)


def picture(quantities: Sequence[Quantity], title: str) -> str:
    """A curve for each quantity, all over the same time, each from zero to its largest value."""
    drawn = [quantity for quantity in quantities if quantity.samples]
    rows = -(-len(drawn) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH + 2 * _LEFT, rows * _HEIGHT + _TOP
    end = max((at for quantity in drawn for at, _ in quantity.samples), default=1) or 1
    curves = [
        _curve(quantity, _LEFT + number % _COLUMNS * _WIDTH, _TOP + number // _COLUMNS * _HEIGHT, end)
        for number, quantity in enumerate(drawn)
    ]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{html.escape(title)}</title>'
    return "\n".join([head, _STYLE, _text(_LEFT, 18, title), *curves, "</svg>\n"])


def _curve(quantity: Quantity, x: int, y: int, end: float) -> str:
    wide, high, largest = _WIDTH - 24, _HEIGHT - 46, max(quantity.values) or 1
    points = [(x + at / end * wide, y + 20 + high * (1 - value / largest)) for at, value in quantity.samples]
    path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
    base = y + 20 + high
    name = f"{quantity.name}: at most {max(quantity.values):.0f} {quantity.unit}".strip()
    kind = ' class="grown"' if quantity.grew else ""
    line = f'<line x1="{x}" y1="{base}" x2="{x + wide}" y2="{base}"/>'
    return f'<g{kind}>{_text(x, y + 12, name)}{line}<path d="{path}"/></g>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x}" y="{y}">{html.escape(text)}</text>'
