"""`preview.*`: throw-away environments of pull requests."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import DIRTY, DRY_RUN, JSON, VERBOSE, WAIT, task
from tagship.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tagship.deploy.previews import PreviewNow
    from tagship.project.preview_settings import PreviewSettings
    from tagship.project.schema import Config

NUMBER = "The number of the pull request; its environment is prNUMBER."
_MOST = 10**9


@task(
    positional=["number"],
    help={
        "number": NUMBER,
        "sha": "Deploy this commit, which is built already. Default: build and deploy the current one.",
        "dirty": DIRTY,
        "dry-run": DRY_RUN,
        "wait": WAIT,
        "verbose": VERBOSE,
        "json": JSON,
    },
)
def up(  # noqa: PLR0913 - its options
    _: Context,
    number: str,
    sha: str = "",
    dirty: bool = False,
    dry_run: bool = False,
    wait: int = 0,
    verbose: bool = False,
    json: bool = False,
) -> None:
    """Build a pull request and deploy it to its preview.

    Removes expired previews first, and is refused if there are as many as `previews.most` then. Starts the preview's
    own accessories, deploys as `ship` does, but without the tests, and runs `previews.seed` after the first deploy.
    """
    from tagship.commands import previewing
    from tagship.commands.orders import RunOptions
    from tagship.reporting.progress import Progress

    config, previews = _previews()
    settings = config.environment(f"pr{_number(number)}")
    how = RunOptions(Progress(quiet=json, verbose=verbose), wait, dry_run, json)
    previewing.bring_up(config, previews, settings, how, sha=sha, dirty=dirty)


@task(positional=["number"], help={"number": NUMBER, "dry-run": DRY_RUN, "wait": WAIT, "json": JSON})
def down(_: Context, number: str, dry_run: bool = False, wait: int = 0, json: bool = False) -> None:
    """Remove a preview, with its database.

    As `remove --volumes` does, but without asking, because a preview is there to be thrown away.
    """
    from tagship.commands import removal
    from tagship.deploy.removal import plan_removal
    from tagship.reporting.progress import Progress
    from tagship.server import connection, lock
    from tagship.server import removal as removing
    from tagship.server.lease import Lease

    config, _kept = _previews()
    settings = config.environment(f"pr{_number(number)}")
    progress = Progress(quiet=json)
    with progress, connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        if dry_run:
            with session.files() as edge:
                found = removing.observe(session, edge)
            done = [*plan_removal(found, volumes=True)]
        else:
            with Lease(session.engine, session.place, lock.holder(f"preview.down {number}"), wait=wait) as lease:
                found, done = removal.take_away(session, lease, progress, volumes=True)
    if json:
        removal.print_json(found, done, volumes=True, dry_run=dry_run)
    elif dry_run:
        print("\n".join(map(str, done)) or f"Nothing of {session.place} is there.")
    else:
        print(f"{session.place} is gone from {settings.engine}." if done else f"Nothing of {session.place} was there.")


@task(changes=False, help={"json": JSON})
def listing(_: Context, json: bool = False) -> None:
    """List the previews, and when each expires."""
    from tagship.commands import previewing
    from tagship.server import connection, previews

    config, settings = _previews()
    like = config.environments[settings.like]
    with connection.connect(like) as opening:
        session = opening.session()
        found, now = previews.observe(session), session.engine.now()
    rows = [previewing.now(each, settings, like) for each in found]
    if json:
        print(jsonlib.dumps([asdict(row) for row in rows]))
    elif not rows:
        print(f"There is no preview; there may be {settings.most}.")
    else:
        print(_table(rows, datetime.fromtimestamp(now, UTC)))


def _table(rows: list[PreviewNow], now: datetime) -> str:
    from tagship.reporting import table

    def left(row: PreviewNow) -> str:
        seconds = (datetime.fromisoformat(row.expires) - now).total_seconds()
        return f"in {table.since(seconds)}" if seconds > 0 else "now"

    cells = [
        (f"pr{row.number}", row.tag[:8] or "-", row.state, table.ago(row.since, now), left(row), row.url)
        for row in rows
    ]
    head = ("preview", "commit", "state", "deployed", "expires", "url")
    return table.table(cells, head, drop=("deployed", "commit"))


@task(help={"dry-run": DRY_RUN, "json": JSON})
def prune(_: Context, dry_run: bool = False, json: bool = False) -> None:
    """Remove the previews that have expired.

    Those whose last deploy is longer ago than `previews.ttl`. One that is deployed right now stays.
    """
    from tagship.commands import previewing
    from tagship.deploy.previews import expired
    from tagship.reporting.progress import Progress
    from tagship.server import connection, previews

    config, settings = _previews()
    progress = Progress(quiet=json)
    with progress, connection.connect(config.environments[settings.like]) as opening:
        with progress.step("Connect"):
            session = opening.session()
        if dry_run:
            gone = [each.number for each in expired(previews.observe(session), settings.ttl, session.engine.now())]
        else:
            gone = previewing.prune(session, settings, progress)
    if json:
        print(jsonlib.dumps({"removed": gone, "dry_run": dry_run}))
    elif gone:
        print(f"{'Would remove' if dry_run else 'Removed'} {', '.join(f'pr{number}' for number in gone)}.")
    else:
        print("No preview has expired.")


def _previews() -> tuple[Config, PreviewSettings]:
    """What tagship.yml says of previews. Raises ConfigError."""
    from tagship.project import here

    config = here.config()
    if config.previews is None:
        raise ConfigError(
            "tagship.yml has no `previews`.",
            hint="add it, e.g. previews: {like: staging, url: 'https://pr-{number}.preview.example.com'}",
        )
    return config, config.previews


def _number(text: str) -> int:
    """The number of a pull request. Raises UsageError."""
    if not text.isdecimal() or not text.isascii() or text.startswith("0") or int(text) >= _MOST:
        raise UsageError(f"{text!r} is no pull request's number.", hint="write it like this: tagship preview.up 12")
    return int(text)
