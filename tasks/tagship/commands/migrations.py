"""`migrate`: apply a commit's pending migrations with its own image."""

import json as jsonlib
from contextlib import nullcontext
from dataclasses import asdict

from invoke.context import Context

from tagship.commands.task import ENV, JSON, WAIT, task
from tagship.errors import ConfigError


@task(
    help={
        "env": ENV,
        "sha": "The commit whose migrations to apply, any unambiguous prefix. Default: the current one.",
        "dry-run": "Print the pending migrations, and apply none.",
        "wait": WAIT,
        "json": JSON,
    }
)
def migrate(_: Context, env: str = "", sha: str = "", dry_run: bool = False, wait: int = 0, json: bool = False) -> None:
    """Apply a commit's pending migrations.

    Uses the commit's own image, then checks that none is pending.
    """
    from tagship.commands.orders import meant, order, released
    from tagship.deploy import story
    from tagship.github import deployments
    from tagship.project import here
    from tagship.proof.ledger import Action
    from tagship.reporting import events
    from tagship.reporting.progress import Progress
    from tagship.server import connection

    settings = here.config().environment(env)
    with Progress(quiet=json) as progress, connection.connect(settings) as opening:
        version = meant(settings, sha, dirty=False)
        if settings.release.migrations is None:
            raise ConfigError("tagship.yml has no migrations.", hint="set release.migrations")
        session, choose = released(opening, settings, version, progress, planned=False)
        what = order(settings, Action.MIGRATE, choose)
        supervised = nullcontext() if dry_run else deployments.supervise(settings, action="migrate", tag=version.tag)
        with supervised, session.locked(what.holder, wait=wait) as environment:
            done = story.migrate(environment, what, progress, dry_run=dry_run)
    events.tell("migrated", environment=env, applied=done.applied, dry_run=dry_run)
    if json:
        print(jsonlib.dumps(asdict(done)))
    else:
        state = "pending" if dry_run else "applied"
        print("\n".join(f"{state}  {name}" for name in done.applied) or "No migration is pending.")
