"""Draws which backups are kept after three years of daily ones: docs/retention.svg, from the rules themselves."""  # noqa: INP001 - a script among documents

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from tagship.backups import retention
from tagship.backups.catalogue import Backup
from tagship.backups.retention import Decision
from tagship.project.backup_settings import Keep

NOW = datetime(2026, 11, 27, 3, 30, tzinfo=UTC)
DAYS = 3 * 365
KEEP = Keep()
_LEFT, _TOP, _STEP, _SIDE, _WIDTH = 70, 26, 15, 12, 860
_COLORS = {"daily": "#2f81f7", "weekly": "#2da44e", "monthly": "#d29922"}
_REMOVED = "#8c959f"
_STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>"""


def picture() -> str:
    """A square for each day, a row for each month; the coloured ones are kept."""
    kept = {decision.backup.at.date(): _kind(decision) for decision in _kept()}
    months = sorted({(day.year, day.month) for day in _days()})
    height = _TOP + len(months) * _STEP + 8
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = f"<title>Of {DAYS} daily backups, {len(kept)} are kept: a row for each month, a square for each day</title>"
    numbers = [_text(_LEFT + (day - 1) * _STEP, 16, str(day)) for day in (1, 5, 10, 15, 20, 25, 30)]
    rows = {month: _TOP + row * _STEP for row, month in enumerate(months)}
    names = [_text(8, y + 10, f"{year}-{month:02d}") for (year, month), y in rows.items()]
    places: dict[str, list[tuple[int, int]]] = {}
    for day in _days():
        places.setdefault(kept.get(day, ""), []).append((_LEFT + (day.day - 1) * _STEP, rows[day.year, day.month]))
    squares = [_squares(where, kind) for kind, where in places.items()]
    return "\n".join([head, title, _STYLE, *numbers, *names, *squares, *_legend(kept), "</svg>\n"])


def _days() -> Iterator[date]:
    return ((NOW - timedelta(days=days)).date() for days in reversed(range(DAYS)))


def _kept() -> list[Decision]:
    """Three years of a backup each night, with a prune after each."""
    decisions: list[Decision] = []
    for days in reversed(range(DAYS)):
        at = NOW - timedelta(days=days)
        backups = [Backup(f"{at:%Y%m%dT%H%M%SZ}", at), *(decision.backup for decision in decisions)]
        decisions = [decision for decision in retention.decide(backups, KEEP, at) if decision.stays]
    return decisions


def _kind(decision: Decision) -> str:
    return next(kind for kind in _COLORS if kind in decision.why)


def _legend(kept: dict[date, str]) -> Iterator[str]:
    x = _LEFT + 31 * _STEP + 24
    said = {
        "daily": f"the newest of each of the {KEEP.daily} newest days",
        "weekly": f"of each of the {KEEP.weekly} newest weeks",
        "monthly": f"of each of the {KEEP.monthly} newest months",
        "": "removed",
    }
    yield _text(x, _TOP + 10, f"{DAYS} daily backups, {len(kept)} kept")
    for row, (kind, text) in enumerate(said.items(), start=1):
        y = _TOP + row * 24
        yield _squares([(x, y)], kind)
        yield _text(x + 20, y + 10, text)


def _squares(where: Iterable[tuple[int, int]], kind: str) -> str:
    """Squares of one colour as one shape, which keeps the file small."""
    faint = "" if kind else ' opacity="0.25"'
    path = "".join(f"M{x} {y}h{_SIDE}v{_SIDE}h-{_SIDE}z" for x, y in where)
    return f'<path d="{path}" fill="{_COLORS.get(kind, _REMOVED)}"{faint}/>'


def _text(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{text}</text>'
