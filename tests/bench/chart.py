"""The medians as horizontal bars: an SVG that is legible on light and dark pages. Pure."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.results import Figure, Results, Row

WIDTH, LABELS, FIGURES = 860, 300, 60
BAR, GAP, HEAD = 13, 12, 34
COLORS = {"floor": "#8c959f", "before": "#d29922", "now": "#2f81f7", "old workflow": "#a371f7"}
_STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>"""


def chart(rows: Sequence[Row], contenders: Sequence[str], results: Results) -> str:
    """Those rows that are measured in seconds, a bar for each contender, all on one scale."""
    shown = [row for row in rows if row.unit == "s" and any(results.figure(row.name, who) for who in contenders)]
    figures = [figure for row in shown for who in contenders if (figure := results.figure(row.name, who))]
    scale = (WIDTH - LABELS - FIGURES) / max((figure.median for figure in figures), default=1.0)
    parts, y = [_legend(contenders)], HEAD
    for row in shown:
        bars = [(who, figure) for who in contenders if (figure := results.figure(row.name, who))]
        middle = y + len(bars) * BAR / 2 + 4
        parts.append(f'<text x="{LABELS - 8}" y="{middle:.0f}" text-anchor="end">{escape(row.title)}</text>')
        for who, figure in bars:
            parts.append(_bar(who, figure, y, scale))
            y += BAR
        y += GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">'
    title = "<title>Medians in seconds; shorter is better</title>"
    return "\n".join([head, title, _STYLE, *parts, "</svg>\n"])


def _legend(contenders: Sequence[str]) -> str:
    parts = []
    for place, who in enumerate(contenders):
        x = LABELS + place * 110
        parts.append(f'<rect x="{x}" y="8" width="12" height="12" fill="{COLORS[who]}"/>')
        parts.append(f'<text x="{x + 18}" y="18">{who}</text>')
    parts.append(f'<text x="{LABELS + len(contenders) * 110}" y="18">seconds, medians</text>')
    return "\n".join(parts)


def _bar(who: str, figure: Figure, y: int, scale: float) -> str:
    width = max(1.0, figure.median * scale)
    return (
        f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{COLORS[who]}"/>\n'
        f'<text x="{LABELS + width + 6:.1f}" y="{y + BAR - 3}">{figure.median:.2f}</text>'
    )
