"""Renders the job summary as Markdown. After a failure it begins with the reason and the serving release."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from action.report import CANCELLED, FAILURE, UNCHANGED, Report

_SHOWN = 8
_LINES = 30
_MARKUP = {ord(character): f"&#{ord(character)};" for character in "\\`*_[]<>&#|@!"}


@dataclass(frozen=True)
class Run:
    """Where a run took place."""

    title: str
    server: str
    repository: str
    sha: str
    actor: str = ""

    @property
    def web(self) -> str:
        """The repository's page."""
        return f"{self.server}/{self.repository}"


def render(report: Report, run: Run, added_migrations: Sequence[str] = ()) -> str:
    """The whole summary. No value can break out of its table cell or code block."""
    parts = [
        _headline(report, run),
        *_approvals(report),
        *_outcomes(report, run),
        *_plans(report),
        *_digests(report),
        *_migrations(added_migrations),
        *_suites(report),
        *_steps(report),
        *_way_back(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline(report: Report, run: Run) -> str:
    name = code(run.title)
    if report.status not in {FAILURE, CANCELLED}:
        done = "Nothing to do" if report.status == UNCHANGED else "Done"
        return f"## ✅ {done}: {name}"
    failure = report.failure
    why = failure.problem if failure else f"It ended with exit code {report.code}; the log says more."
    lines = [f"## ❌ {'Cancelled' if report.status == CANCELLED else 'Failed'}: {name}", block(why)]
    if failure and failure.hint:
        lines.append(f"What to do: {text(failure.hint)}")
    lines.append(f"**Serving now:** {_serving(report)}")
    return "\n\n".join(lines)


def _serving(report: Report) -> str:
    if report.serving:
        return code(report.serving)
    if report.serving == "":
        return "no release, because this was the first deploy"
    if report.last:
        return code(report.last["release"])
    return "the same release as before; nothing was changed"


def _approvals(report: Report) -> Iterator[str]:
    for facts in report.approvals:
        if facts.get("overridden"):
            found = "\n".join(f"- {text(finding)}" for finding in facts["findings"])
            where = text(facts["environment"])
            yield f"> [!CAUTION]\n> {where} was deployed **unprotected**, by `allow-unprotected`.\n\n{found}"


def _outcomes(report: Report, run: Run) -> Iterator[str]:
    for outcome in report.outcomes:
        sha, before = outcome["tag"][:40], short(outcome["previous"])
        compare = f"[{before} … {sha[:_SHOWN]}]({run.web}/compare/{before}...{sha})" if before else "the first release"
        yield table(
            ("", text(outcome["environment"])),
            [
                ("Release", code(outcome["release"])),
                ("Commit", f"[{code(sha)}]({run.web}/commit/{sha})"),
                ("Changes", compare if before != sha[:_SHOWN] else "the same commit, another configuration"),
                ("Before", code(outcome["previous"]) if outcome["previous"] else "nothing"),
                ("URL", text(outcome["url"])),
                ("Migrations", "<br>".join(map(code, outcome["migrations"])) or "none pending"),
                *((("Way back", "<br>".join(map(text, outcome["way_back"]))),) if outcome.get("way_back") else ()),
                *(("Warning", text(warning)) for warning in outcome["warnings"]),
            ],
        )


def _plans(report: Report) -> Iterator[str]:
    for plan in report.plans:
        yield f"**Plan** (nothing was changed)\n\n{block(plan['text'])}"


def _digests(report: Report) -> Iterator[str]:
    if report.digests:
        rows = [(code(name), code(reference)) for name, reference in report.digests.items()]
        yield table(("Image", "Digest"), rows)


def _migrations(added: Sequence[str]) -> Iterator[str]:
    if added:
        listed = "\n".join(f"- {code(path)}" for path in added)
        yield f"**Migrations this change adds**, applied before cutover while the old release serves:\n\n{listed}"


def _suites(report: Report) -> Iterator[str]:
    if report.suites:
        yield table(("Suite", "Result", "Time", "Coverage"), [_suite(suite) for suite in report.suites])
    for suite in report.suites:
        if suite["problem"]:
            said = "\n".join(suite["output"].splitlines()[-_LINES:])
            title = f"<summary>{text(suite['component'])}: the last lines</summary>"
            yield f"<details>{title}\n\n{block(said)}\n\n</details>"


def _suite(suite: Mapping[str, Any]) -> tuple[str, ...]:
    covered = "" if suite["coverage"] is None else f"{suite['coverage']:.1f} %"
    result = f"❌ {text(suite['problem'])}" if suite["problem"] else "✅ passed"
    return f"{text(suite['suite'])} {text(suite['component'])}", result, f"{suite['seconds']:.1f} s", covered


def _steps(report: Report) -> Iterator[str]:
    if report.steps:
        rows = [("✅" if step.passed else "❌", text(step.text), f"{step.seconds:.2f} s") for step in report.steps]
        yield table(("", "Step", "Time"), rows)


def _way_back(report: Report) -> Iterator[str]:
    last = report.last
    if last and last["previous"] and last["changed"] and not report.code:
        back = f"tagship rollback --env {last['environment']} --to {short(last['previous'])}"
        yield f"To roll back, run this in a shell, or use the rollback workflow:\n\n{block(back)}"


def short(release: str) -> str:
    """The commit's first digits in a release's name, APP-ENV-SHA8-CFG6."""
    return release.split("-")[-2] if release.count("-") >= 3 else ""  # noqa: PLR2004 - the name's four parts


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(value: str) -> str:
    """A value as one code span."""
    return f"`{_line(value).replace('`', chr(39)).replace('|', '/')}`" if value else ""


def text(value: str) -> str:
    """A value as plain words: no markup, link, mention or line break of its own."""
    return _line(value.translate(_MARKUP))


def block(value: str) -> str:
    """Lines as they are; the fence is longer than any in them."""
    fence = "```"
    while fence in value:
        fence += "`"
    return f"{fence}text\n{value.strip()}\n{fence}"


def _line(value: str) -> str:
    return " ".join(value.split())
