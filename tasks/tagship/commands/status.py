"""`status` and `history`: what runs where, and what was done."""

from __future__ import annotations

import json as jsonlib
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import JSON, task
from tagship.errors import CheckError, ConnectionFailedError, LedgerError, UsageError

Row = dict[str, object]

if TYPE_CHECKING:
    from tagship.deploy.observed import Observed, Standing
    from tagship.names import Place
    from tagship.project.schema import Config
    from tagship.proof.ledger import Entry
    from tagship.server.connection import Session
    from tagship.server.lease import Held


@task(changes=False, help={"env": "Only this environment; all if left out.", "json": JSON})
def status(_: Context, env: str = "", json: bool = False) -> None:
    """What runs where: each environment's live release, since when, and whether somebody is deploying."""
    from tagship.project import here

    config = here.config()
    rows = [_status(config, name) for name in ([env] if env else config.environments)]
    if json:
        print(jsonlib.dumps(rows))
        return
    width = max(len(str(row["environment"])) for row in rows) + 2
    for row in rows:
        print(_block(str(row["environment"]), _told(row), width))


@task(
    changes=False,
    help={
        "env": "Which environment of tagship.yml.",
        "limit": "How many entries, newest last.",
        "verify": "See that no line of the ledger was changed, torn or taken out, from its first one on.",
        "json": JSON,
    },
)
def history(_: Context, env: str = "", limit: int = 20, verify: bool = False, json: bool = False) -> None:
    """The ledger: every deploy and rollback, how it ended and how long it took."""
    from tagship.project import here
    from tagship.server import connection as services
    from tagship.server.observe import Reader

    if limit < 0:
        raise UsageError(f"--limit {limit} is no number of entries.", hint="0 or more")
    config = here.config()
    with services.connect(config.environment(env)) as opening:
        session = opening.session()
        with session.files() as files:
            if files is None:
                _refuse_unreadable(session)
            if verify:
                _verify(env, files.lines() if files else ())
                return
            entries = Reader(session.engine, files, session.place).observe().history
    shown = entries[-limit:] if limit else ()
    if json:
        print(jsonlib.dumps([asdict(entry) for entry in shown]))
        return
    for entry in shown:
        print(_entry(entry, session.place))
    if not entries:
        print(f"Nothing was deployed to {env} yet.")


def _verify(env: str, lines: tuple[str, ...]) -> None:
    """Raises LedgerError naming every line that isn't what was written."""
    from tagship.proof import ledger

    if found := list(ledger.breaks(lines)):
        raise LedgerError("\n".join(found), hint=f"the lines are in the edge's volume: ledger.jsonl of {env}")
    print(f"The ledger of {env} is whole: {len(lines)} line{'' if len(lines) == 1 else 's'}, each chained to the last.")


def _refuse_unreadable(session: Session) -> None:
    """Raises CheckError where there is a ledger that nobody can read: its volume is reached through the edge."""
    from tagship.engine import containers
    from tagship.server import edge, observe

    ours = observe.standings(containers.listed(session.engine), session.place)
    found = edge.find(session.engine)
    if found or ours:
        raise CheckError(
            f"The edge is {'stopped' if found else 'gone'}: the ledger, in its volume, can't be read.",
            hint="the next deploy starts it" if found else "the next deploy makes it again, on the same volume",
        )


def _entry(entry: Entry, place: Place) -> str:
    """One entry in two lines that fit 60 columns, and a third when there is something to explain."""
    release = entry.release.removeprefix(f"{place}-")
    at = entry.at[:16].replace("T", " ")
    lines = [
        f"{entry.action:8}  {release:15}  {entry.result}",
        f"{entry.seconds:.1f} s" + (f", by {entry.by}" * bool(entry.by)),
    ]
    return _block(at, [*lines, *([entry.why] if entry.why else [])], len(at) + 2)


def _status(config: Config, name: str) -> Row:
    """One environment: what `--json` prints of it. An empty `edge` means that nothing was ever deployed there."""
    from tagship.server import connection as services
    from tagship.server import lease
    from tagship.server.observe import Reader

    row: Row = {
        "environment": name, "live": "", "edge": "", "since": "", "by": "", "containers": "", "idle": [], "lock": "",
    }  # fmt: skip
    try:
        with services.connect(config.environment(name)) as opening:
            session = opening.session()
            with session.files() as files:
                observed = Reader(session.engine, files, session.place).observe()
            if files is None:
                row, observed = _without_edge(row, session)
            else:
                row["edge"] = "running"
            held = lease.read(session.engine, session.place)
    except ConnectionFailedError as error:
        return row | {"live": f"unreachable: {error.problem}"}
    entry = next((e for e in reversed(observed.history) if e.release == observed.live), None)
    return row | {
        "live": observed.live or row["live"] or "nothing yet",
        "since": entry.at if entry else "",
        "by": entry.by if entry else "",
        "lock": _lock(held, session.engine.now()),
        **_counted(observed.standing(observed.live), live=observed.live),
    }


def _lock(held: Held | None, now: float) -> str:
    """Who holds it, and for how long; that of somebody who was killed expires, and stands until the next deploy."""
    from tagship.reporting.table import since

    if held is None:
        return ""
    return f"{held.holder.who} for {since(now - held.since)}" if held.expires > now else f"{held.holder.who}, expired"


def _without_edge(row: Row, session: Session) -> tuple[Row, Observed]:
    """What can be told where no edge runs: after a power cut, say, or somebody's `docker rm`."""
    from tagship.deploy.observed import Observed
    from tagship.engine import containers
    from tagship.server import edge, observe

    found = edge.find(session.engine)
    releases = observe.standings(containers.listed(session.engine), session.place)
    live = edge.live_of_stopped(session.engine, found["Id"], session.place) if found else ""
    running = [release.name for release in releases if release.runs]
    state = "stopped" if found else "gone" if releases else ""
    unknown = (", ".join(running) or "no release runs") if releases and not live else ""
    return row | {"edge": state, "live": unknown}, Observed(live=live, releases=releases)


def _counted(standing: Standing | None, *, live: str) -> Row:
    if standing is None:
        return {"containers": "gone" if live else "", "idle": []}
    running, wanted = sum(standing.running.values()), sum(standing.present.values())
    idle = sorted(name for name, count in standing.present.items() if standing.running.get(name, 0) < count)
    return {"containers": f"{running} of {wanted} running" if running else "stopped", "idle": idle}


def _told(row: Row) -> Iterator[str]:
    """One environment's lines: what, since when, and what is wrong with it."""
    yield str(row["live"])
    if row["since"]:
        by = f" by {row['by']}" if row["by"] else ""
        yield f"since {str(row['since'])[:16].replace('T', ' ')}{by}"
    if row["edge"] in {"stopped", "gone"}:
        yield f"the edge is {row['edge']}, so nothing is served: the next deploy mends that"
    if row["containers"] == "gone":
        yield "its containers are gone: deploy it again"
    elif row["containers"]:
        idle = row["idle"]
        names = f"; not running: {', '.join(idle)}" if isinstance(idle, list) and idle else ""
        yield f"{row['containers']}{names if row['containers'] != 'stopped' else ': the next deploy starts it'}"
    if row["lock"]:
        yield f"locked by {row['lock']}"


def _block(title: str, lines: Iterator[str] | list[str], width: int) -> str:
    """Lines beside a title; in a terminal, long ones go on below instead of running under it."""
    room = shutil.get_terminal_size().columns - width if sys.stdout.isatty() else 0
    told = [
        part
        for line in lines
        for part in (textwrap.wrap(line, max(20, room), break_on_hyphens=False) if room else [line])
    ]
    return "\n".join(f"{title if at == 0 else '':{width}}{line}" for at, line in enumerate(told))
