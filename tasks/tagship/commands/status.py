"""`status` and `history`: what runs where, and what was done."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import JSON, task
from tagship.errors import CheckError, ConnectionFailedError, LedgerError, TagshipError, UsageError

if TYPE_CHECKING:
    from tagship.names import Place
    from tagship.project.schema import Environment
    from tagship.proof.ledger import Entry
    from tagship.server.overview import Overview
    from tagship.server.session import Session


WIDE = "Show whole names and times, as it is without a terminal."


@task(changes=False, help={"env": "Show only this environment. Default: all.", "wide": WIDE, "json": JSON})
def status(_: Context, env: str = "", wide: bool = False, json: bool = False) -> None:
    """Show what runs where, since when, and who deploys."""
    from tagship.project import here
    from tagship.reporting import table

    config = here.config()
    overviews = _overviews([config.environment(env)] if env else list(config.environments.values()))
    if json:
        print(jsonlib.dumps([asdict(each) for each in overviews]))
    else:
        width = max(len(each.environment) for each in overviews) + 2
        full = wide or not table.shortens()
        print("\n".join(table.block(each.environment, _told(each, wide=full), width) for each in overviews))
    if lost := [each.environment for each in overviews if each.problem]:
        raise ConnectionFailedError(f"Not reached: {', '.join(lost)}.", hint="read the reasons above")


@task(
    changes=False,
    help={
        "env": "The environment of tagship.yml; required.",
        "limit": "How many entries to show.",
        "verify": "Check the ledger's hash chain: that no line was changed, truncated or removed.",
        "wide": WIDE,
        "json": JSON,
    },
)
def history(
    _: Context, env: str = "", limit: int = 20, verify: bool = False, wide: bool = False, json: bool = False
) -> None:
    """Show every deploy and rollback, and how it ended.

    The ledger, newest last: what was done, when, by whom, and how long it took.
    """
    from tagship.project import here
    from tagship.reporting import table
    from tagship.server import connection as services
    from tagship.server.observe import Reader

    if limit < 0:
        raise UsageError(f"--limit {limit} is negative.", hint="pass 0 or more")
    config = here.config()
    with services.connect(config.environment(env)) as opening:
        session = opening.session()
        with session.files() as files:
            if files is None:
                refuse_unreadable(session)
            if verify:
                _verify(env, files.lines() if files else (), json=json)
                return
            entries = Reader(session.engine, files, session.place).observe().history
    shown = entries[-limit:] if limit else ()
    if json:
        print(jsonlib.dumps([asdict(entry) for entry in shown]))
        return
    if shown:
        print(_shown(shown, session.place, wide=wide or not table.shortens()))
    if not entries:
        print(f"Nothing was deployed to {env} yet.")


def _verify(env: str, lines: tuple[str, ...], *, json: bool) -> None:
    """Check the hash chain. Raises LedgerError with every broken line."""
    from tagship.proof import ledger

    found = list(ledger.breaks(lines))
    if json:
        print(jsonlib.dumps({"lines": len(lines), "breaks": found}))
    if found:
        raise LedgerError("\n".join(found), hint=f"look at the lines in the edge's volume: ledger.jsonl of {env}")
    if not json:
        print(f"The ledger of {env} is intact: {len(lines)} line{'' if len(lines) == 1 else 's'}.")


def refuse_unreadable(session: Session) -> None:
    """Raises CheckError if a ledger exists but can't be read, because its volume is only reachable through the edge."""
    from tagship.edge import caddy
    from tagship.engine import containers
    from tagship.server import observe

    ours = observe.standings(containers.listed(session.engine), session.place)
    found = caddy.find(session.engine)
    if found or ours:
        raise CheckError(
            f"The edge is {'stopped' if found else 'gone'}, so the ledger in its volume can't be read.",
            hint="deploy again, which starts it" if found else "deploy again, which creates it with the same volume",
        )


def _shown(entries: Sequence[Entry], place: Place, *, wide: bool) -> str:
    """A row for each entry, and its reason below it; in a terminal, times and releases short."""
    from tagship.reporting import table

    now = datetime.now(UTC)
    rows = [
        (
            _at(entry.at, now, wide=wide),
            entry.action,
            entry.release.removeprefix(f"{place}-") if wide else entry.release.removeprefix(f"{place}-")[:8],
            entry.result,
            entry.by,
            f"{entry.seconds:.1f} s",
        )
        for entry in entries
    ]
    head = ("when", "action", "release", "result", "by", "took")
    return table.table(rows, head, drop=("took", "by"), below=[entry.why for entry in entries])


def _at(at: str, now: datetime, *, wide: bool) -> str:
    from tagship.reporting import table

    return f"{at[:16].replace('T', ' ')} UTC" if wide else table.ago(at, now)


def _overviews(environments: Sequence[Environment]) -> list[Overview]:
    """All servers in parallel, over one connection each. An unreachable one has its problem in its overview."""
    from tagship.system.parallel import together

    servers: dict[str, list[Environment]] = {}
    for settings in environments:
        servers.setdefault(settings.engine, []).append(settings)
    found = {each.environment: each for server in together(_on_one_server, servers.values()) for each in server}
    return [found[settings.name] for settings in environments]


def _on_one_server(environments: Sequence[Environment]) -> list[Overview]:
    from tagship.server import connection
    from tagship.system.parallel import together

    try:
        with connection.connect(environments[0]) as opening:
            from tagship.server import overview  # while ssh connects

            session = opening.session()
            return together(overview.read, [replace(session, settings=settings) for settings in environments])
    except TagshipError as error:
        from tagship.server.overview import Overview

        return [Overview(settings.name, problem=error.problem) for settings in environments]


def _told(overview: Overview, *, wide: bool) -> Iterator[str]:
    """One environment's lines: what runs, since when, and what is wrong with it."""
    if overview.problem:
        yield f"unreachable: {overview.problem}"
        return
    yield from _live(overview, wide=wide)
    if overview.held:
        yield "held: answers 503, for a restore; if none runs, the next deploy, rollback or restore ends that"
    if overview.maintenance:
        off = f"`tagship maintenance.off --env {overview.environment}`"
        yield f"maintenance {overview.maintenance}; visitors get 503 until {off}"
    if overview.canary:
        yield f"canary: {overview.canary}"
    if overview.edge in {"stopped", "gone"}:
        yield f"the edge is {overview.edge}, so no request is served; the next deploy repairs this"
    if overview.containers == "gone":
        yield "its containers are gone; deploy it again"
    elif overview.containers == "stopped":
        yield "stopped; the next deploy starts it"
    elif overview.containers:
        yield overview.containers + (f"; not running: {', '.join(overview.idle)}" if overview.idle else "")
    if overview.lock:
        yield f"locked by {overview.lock}"


def _live(overview: Overview, *, wide: bool) -> Iterator[str]:
    from tagship.reporting import table

    by = f" by {overview.by}" if overview.by else ""
    if wide:
        yield overview.live
        if overview.since:
            yield f"since {overview.since[:16].replace('T', ' ')} UTC{by}"
    elif overview.since:
        yield f"{overview.live[-15:-7]}, deployed {table.ago(overview.since, datetime.now(UTC))}{by}"
    else:
        yield overview.live
