"""`migrate`: apply a commit's pending migrations with its own image."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import BACKUP, ENV, EXPLAIN, JSON, WAIT, task
from tagship.errors import ConfigError

if TYPE_CHECKING:
    from tagship.deploy.observed import Migrated


@task(
    help={
        "env": ENV,
        "sha": "The commit whose migrations to apply, any unambiguous prefix. Default: the current one.",
        "dry-run": "Print the pending migrations with their SQL and the way back, and apply none.",
        "explain": EXPLAIN,
        "backup": BACKUP,
        "wait": WAIT,
        "json": JSON,
    }
)
def migrate(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    sha: str = "",
    dry_run: bool = False,
    explain: bool = False,
    backup: str = "",
    wait: int = 0,
    json: bool = False,
) -> None:
    """Apply a commit's pending migrations.

    Uses the commit's own image, then checks that none is pending.
    """
    from tagship.commands.orders import before_migrating, companions, just, meant, order, released, without
    from tagship.deploy import story
    from tagship.github import deployments
    from tagship.project import here
    from tagship.proof.ledger import Action
    from tagship.reporting import events, report
    from tagship.reporting.progress import Progress
    from tagship.server import connection

    settings = here.config().brought(env)
    with Progress(quiet=json) as progress, connection.connect(settings) as opening:
        version = meant(settings, sha, dirty=False)
        if settings.release.migrations is None:
            raise ConfigError("tagship.yml has no migrations.", hint="set release.migrations")
        session, release, resolved = released(opening, settings, version, progress, planned=False)
        what = without(backup, order(settings, Action.MIGRATE, just(release, resolved)))
        if explain:
            from tagship.commands.explaining import explained

            report.plan(explained(session, what, progress), json=json)
            return
        back_up = before_migrating(session, backup, progress)
        supervised = nullcontext() if dry_run else deployments.supervise(settings, action="migrate", tag=version.tag)
        with supervised, session.locked(what.holder, wait=wait, back_up=back_up) as environment:
            done = story.migrate(
                environment,
                what,
                progress,
                dry_run=dry_run,
                companion=companions(session, what.holder, progress),
            )
        if left := environment.lease.left:
            progress.note(f"the connection broke at the end: {left}")
    events.tell("migrated", environment=env, applied=done.applied, dry_run=dry_run)
    if json:
        way_back = done.way_back.encoded() if done.way_back else None
        print(jsonlib.dumps({**asdict(done), "way_back": way_back}))
    elif dry_run:
        print("\n".join(_told(done)) or "No migration is pending.")
    else:
        print("\n".join(f"applied  {name}" for name in done.applied) or "No migration is pending.")


def _told(found: Migrated) -> Iterator[str]:
    """What is pending, each with its SQL if it is known."""
    for change in found.changes:
        if change.pending:
            yield f"pending  {change.name}"
            yield from (f"    {line}" for line in change.sql.splitlines())
    described = {change.name for change in found.changes}
    yield from (f"pending  {name}" for name in found.applied if name not in described)
