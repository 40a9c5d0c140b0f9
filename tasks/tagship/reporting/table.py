"""Formats tables and durations."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

NARROW = 60
"""Columns below which a table shows one value a line."""
_LEAST = 20
"""Columns that the last column needs at least, in which text wraps."""


def table(
    rows: Sequence[Sequence[str]],
    head: Sequence[str] = (),
    *,
    drop: Sequence[str] = (),
    below: Sequence[str] = (),
    margin: int = 0,
) -> str:
    """Format rows as columns that fit the terminal; without one, nothing is shortened.

    Each column is as wide as its widest cell; text in the last one wraps below itself. If there is no room, the columns
    in `drop` go, the first first; if that isn't enough, or in a narrow terminal, each value gets a line of its own.
    `below`: a text under each row. `margin`: columns left of the table.
    """
    cells = [list(map(str, row)) for row in rows]
    names, room, notes = list(head), width() - margin, list(below) or [""] * len(cells)
    if not cells:
        return ""
    leaving = [name for name in drop if name in names]
    while leaving and _needed(cells, names) > room:
        at = names.index(leaving.pop(0))
        cells, names = [row[:at] + row[at + 1 :] for row in cells], names[:at] + names[at + 1 :]
    if names and (room < NARROW or _needed(cells, names) > room):
        return "\n\n".join("\n".join(_record(row, names, note, room)) for row, note in zip(cells, notes, strict=True))
    return "\n".join(_columns(cells, names, notes, room))


def _needed(cells: list[list[str]], head: list[str]) -> int:
    """The columns of a terminal that a table needs."""
    *widths, last = _widths(cells, head)
    return sum(width + 2 for width in widths) + min(last, max(_LEAST, *map(len, _words(cells))))


def _words(cells: list[list[str]]) -> list[str]:
    return ["", *(word for row in cells for word in row[-1].split())]


def _widths(cells: list[list[str]], head: list[str]) -> list[int]:
    every = [head, *cells] if head else cells
    return [max(len(row[column]) for row in every) for column in range(len(cells[0]))]


def _columns(cells: list[list[str]], head: list[str], notes: list[str], room: int) -> Iterator[str]:
    widths = _widths(cells, head)
    indent = sum(width + 2 for width in widths[:-1])

    def line(row: list[str]) -> Iterator[str]:
        start = "".join(cell.ljust(width + 2) for cell, width in zip(row[:-1], widths, strict=False))
        first, *more = fold(row[-1], room - indent) or [""]
        yield f"{start}{first}".rstrip()
        yield from (f"{'':{indent}}{text}" for text in more)

    if head:
        yield from line(head)
        yield "  ".join("─" * width for width in widths)[: max(room, NARROW)]
    for row, note in zip(cells, notes, strict=True):
        yield from line(row)
        yield from (f"{'':{widths[0] + 2}}{text}" for text in fold(note, room - widths[0] - 2))


def _record(row: list[str], head: list[str], note: str, room: int) -> Iterator[str]:
    """A row with one value a line."""
    indent = max(map(len, head)) + 2
    for name, cell in zip(head, row, strict=True):
        if cell.strip():
            first, *more = fold(cell, room - indent)
            yield f"{name:{indent}}{first}"
            yield from (f"{'':{indent}}{text}" for text in more)
    yield from fold(note, room)


def block(title: str, lines: Iterable[str], indent: int) -> str:
    """Lines beside a title, or below it in a narrow terminal; long ones wrap below each other."""
    room = width()
    if room < NARROW:
        return "\n".join((title, *(f"  {part}" for line in lines for part in fold(line, room - 2))))
    parts = [part for line in lines for part in fold(line, room - indent)]
    return "\n".join(f"{title if at == 0 else '':{indent}}{part}" for at, part in enumerate(parts))


def fold(text: str, room: int, hanging: str = "") -> list[str]:
    """Text in lines of so many columns, broken only between words."""
    return textwrap.wrap(
        text, max(room, _LEAST), subsequent_indent=hanging, break_on_hyphens=False, break_long_words=False
    )


_ANY = 10_000


def folded(text: str, hanging: int = 0) -> str:
    """Text for people on stderr, in a terminal broken between words; indented lines, such as a program's, stay whole.

    `hanging`: columns by which what continues a line is indented. A hint goes on below its own words.
    """
    if not sys.stderr.isatty():
        return text
    room = shutil.get_terminal_size().columns
    lines: list[str] = []
    for at, line in enumerate(text.split("\n")):
        indent = len(_HINT) if line.startswith(_HINT) else hanging if at == 0 or not line.startswith(" ") else 0
        whole = len(line) <= room or (line.startswith(" ") and not indent)
        start = line[: len(line) - len(line.lstrip())]
        lines += (
            [line]
            if whole
            else [f"{start}{part}" for part in _hung(line.strip(), room - len(start), indent - len(start))]
        )
    return "\n".join(lines)


def _hung(text: str, room: int, indent: int) -> list[str]:
    return fold(text, room, " " * max(0, indent))


_HINT = "  hint: "


def width() -> int:
    """Columns of the terminal; enough for any line if it isn't one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _ANY


def shortens() -> bool:
    """Whether times and names are shown short, because people read them in a terminal."""
    return width() < _ANY


def since(seconds: float) -> str:
    """`12 s`, `3 min`, `5 h` or `2 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(at: str, now: datetime) -> str:
    """`3 min ago`, for a time in ISO 8601; the text itself for anything else."""
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return at
    passed = now - (then if then.tzinfo else then.replace(tzinfo=now.tzinfo))
    return f"{since(max(0.0, passed.total_seconds()))} ago"


def size(count: float) -> str:
    """`12 B`, `3.4 MB` or `5.6 GB`, in decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004 - decimal units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
