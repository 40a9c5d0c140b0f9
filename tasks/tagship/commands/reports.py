"""`status` and `history`: what runs where, and what was done."""

import json as jsonlib
from dataclasses import asdict

from invoke.context import Context

from tagship import services
from tagship.adapters import lease
from tagship.adapters.target import Reader
from tagship.commands.options import JSON, task
from tagship.config import Config
from tagship.errors import ConnectionFailedError
from tagship.progress import since, table


@task(changes=False, help={"env": "Only this environment; all if left out.", "json": JSON})
def status(_: Context, env: str = "", json: bool = False) -> None:
    """What runs where: each environment's live release, since when, and whether somebody is deploying."""
    config = services.config()
    rows = [_status(config, name) for name in ([env] if env else config.environments)]
    if json:
        print(jsonlib.dumps(rows))
        return
    head = ("environment", "live", "since", "by", "containers", "lock")
    print(table([[str(row[column]) for column in head] for row in rows], head))


@task(
    changes=False,
    help={"env": "Which environment of tagship.yml.", "limit": "How many entries, newest last.", "json": JSON},
)
def history(_: Context, env: str = "", limit: int = 20, json: bool = False) -> None:
    """The ledger: every deploy and rollback, how it ended and how long it took."""
    config = services.config()
    with services.connect(config.app, config.environment(env)) as opening:
        session = opening.session()
        with session.files() as edge:
            entries = Reader(session.engine, edge, session.place).observe().history
    entries = entries[-limit:] if limit > 0 else ()
    if json:
        print(jsonlib.dumps([asdict(entry) for entry in entries]))
        return
    head = ("at", "what", "release", "result", "took", "by", "why")
    rows = [(e.at, e.action, e.release, e.result, f"{e.seconds:.1f} s", e.by, e.why) for e in entries]
    print(table(rows, head) if rows else f"Nothing was deployed to {env} yet.")


def _status(config: Config, name: str) -> dict[str, object]:
    settings = config.environment(name)
    row: dict[str, object] = {"environment": name, "live": "", "since": "", "by": "", "containers": "", "lock": ""}
    try:
        with services.connect(config.app, settings) as opening:
            session = opening.session()
            with session.files() as edge:
                observed = Reader(session.engine, edge, session.place).observe()
            held = lease.read(session.engine, session.place)
    except ConnectionFailedError as error:
        return row | {"live": f"unreachable: {error.problem}"}
    standing = observed.standing(observed.live)
    entry = next((e for e in reversed(observed.history) if e.release == observed.live), None)
    running = sum(standing.running.values()) if standing else 0
    wanted = sum(standing.present.values()) if standing else 0
    return row | {
        "live": observed.live or "nothing yet",
        "since": entry.at if entry else "",
        "by": entry.by if entry else "",
        "containers": f"{running} of {wanted} running" if standing else "",
        "lock": f"{held.holder.who} for {since(session.engine.now() - held.since)}" if held else "",
    }
