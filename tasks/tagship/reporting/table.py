"""Formats tables and durations."""

import shutil
import sys
import textwrap
from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Format rows as columns. Each is as wide as its widest cell; the last one isn't padded."""
    every = [list(map(str, row)) for row in ((head, *rows) if head else rows)]
    if not every:
        return ""
    widths = [max(len(row[column]) for row in every) for column in range(len(every[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]
    if head:
        lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(lines)


def wrapped(rows: Sequence[Sequence[str]], head: Sequence[str], margin: int = 0) -> str:
    """The same for a last column of text, which wraps below itself in a terminal. `margin`: columns left of it."""
    indent = sum(max(len(row[column]) for row in (head, *rows)) + 2 for column in range(len(head) - 1))
    room = max(width() - margin, indent + 20)
    lines = table(rows, head).splitlines()
    return "\n".join(
        part
        for at, line in enumerate(lines)
        for part in (
            [line[:room]]
            if at == 1
            else textwrap.wrap(line, room, subsequent_indent=" " * indent, break_on_hyphens=False)
        )
    )


def width() -> int:
    """Columns of the terminal; enough for any line if it isn't one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000


def since(seconds: float) -> str:
    """`12 s`, `3 min`, `5 h` or `2 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """`12 B`, `3.4 MB` or `5.6 GB`, in decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - decimal units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
