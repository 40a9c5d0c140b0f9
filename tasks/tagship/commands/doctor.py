"""`doctor`: what would stop a deploy, found before anything is changed."""

from __future__ import annotations

import json as jsonlib
import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import JSON, task
from tagship.errors import ConfigError

if TYPE_CHECKING:
    from tagship.setup.report import Check


@task(
    changes=False,
    help={"env": "Check this environment and its server, too. Default: none.", "json": JSON},
)
def doctor(_: Context, env: str = "", json: bool = False) -> None:
    """Find what would stop a deploy, and change nothing.

    Checks this machine's tools, the configuration, and with --env the server: SSH, engine, room, clock, registry,
    variables and secrets, edge, name and certificate. `?` is a check that couldn't be made. The exit code is that of
    the first check that failed.
    """
    from tagship.setup.report import Mark

    found: list[Check] = []
    before: Check | None = None
    for title, checks in _parts(env):
        if not json:
            print(f"{chr(10) if found else ''}{title}")
        for check in checks:
            found.append(check)
            if not json:
                _say(check, before)
            before = check
    failed = [check for check in found if check.mark is Mark.BAD]
    unknown = sum(check.mark is Mark.UNKNOWN for check in found)
    if json:
        print(
            jsonlib.dumps(
                [{"check": c.name, "mark": c.mark.name.lower(), "text": c.text, "todo": c.todo} for c in found]
            )
        )
    open_ = f", {unknown} couldn't be made" if unknown else ""
    if failed:
        raise failed[0].kind(
            f"{len(failed)} of {len(found)} checks failed{open_}.",
            hint="solve the first ✗ above; others may follow from it",
        )
    if not json:
        print(f"\n{len(found) - unknown} checks passed{open_}.")


def _parts(env: str) -> Iterator[tuple[str, Iterator[Check]]]:
    from tagship.project import here
    from tagship.setup import machine, project_checks, report, server_checks

    folder = here.folder()
    try:
        config = here.config()
        chosen = [config.environment(env)] if env else list(config.environments.values())
    except ConfigError as error:
        yield "This machine", machine.checks(folder, remote=True)
        yield "Configuration", report.failed("tagship.yml", error)
        return
    yield "This machine", machine.checks(folder, remote=any(each.engine != "local" for each in chosen))
    yield "Configuration", project_checks.checks(config, chosen, folder, values=bool(env))
    if env:
        yield f"{env}, {chosen[0].engine}", server_checks.checks(chosen[0], folder)


def _say(check: Check, before: Check | None) -> None:
    """Print a check. What to do stands once for several lines of one error, and a file's name isn't repeated."""
    from tagship.reporting import table

    indent, same = " " * 17, before is not None and (before.name, before.todo) == (check.name, check.todo)
    text = re.sub(rf"^{re.escape(check.name)}:(\d+): ", r"line \1: ", check.text)
    lines = textwrap.wrap(
        text, table.width(), initial_indent=f"  {check.mark} {check.name:12} ", subsequent_indent=indent,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
    if check.todo and check.mark != "✓" and not same:
        lines += textwrap.wrap(
            f"→ {check.todo}", table.width(), initial_indent=indent, subsequent_indent=f"{indent}  ",
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
    print("\n".join(lines))
