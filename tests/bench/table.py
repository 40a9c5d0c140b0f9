"""The results as a Markdown table, and its place in a page. Pure."""

from collections.abc import Sequence

from tests.bench.results import FLOOR, NOW, Figure, Results, Row

BEGIN, END = "<!-- nox -s bench -- --write: begin -->", "<!-- nox -s bench -- --write: end -->"


def table(rows: Sequence[Row], contenders: Sequence[str], results: Results) -> str:
    """Medians and ranges, and how many times the floor of the same run ours is."""
    head = ["", *contenders, "now ÷ floor", "aim"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [_cell(row, contender, results) for contender in contenders]
        ratio = results.ratio(row.name, NOW, FLOOR)
        lines.append([row.title, *cells, f"{ratio:.2f}" if ratio else "", row.aim])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def failures(rows: Sequence[Row], results: Results) -> str:
    """One line for each row that has no figure."""
    titles = {row.name: row.title for row in rows}
    return "\n".join(f"- {titles[row]}, {who}: {why}" for (row, who), why in results.failures.items() if row in titles)


def shown(figure: Figure, unit: str) -> str:
    """`1.43 s (1.40 – 1.52)`; whole numbers for what is counted."""
    digits = 2 if unit == "s" else 0
    text = [f"{value:.{digits}f}" for value in (figure.median, figure.least, figure.most)]
    spread = f" ({text[1]} – {text[2]})" if text[1] != text[2] else ""
    return f"{text[0]}{' s' if unit == 's' else ''}{spread}"


def replaced(page: str, generated: str, first: str = BEGIN, last: str = END) -> str:
    """The page with what is generated between the markers; at its end where there are none."""
    block = f"{first}\n{generated.strip()}\n{last}"
    before, begin, rest = page.partition(first)
    if not begin:
        return f"{page.rstrip()}\n\n{block}\n"
    return f"{before}{block}{rest.partition(last)[2]}"


def _cell(row: Row, contender: str, results: Results) -> str:
    if (row.name, contender) in results.failures:
        return "failed"
    figure = results.figure(row.name, contender)
    return shown(figure, row.unit) if figure else ""
