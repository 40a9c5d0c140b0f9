"""`lock.status` and `lock.release`: show who is deploying, and free an abandoned lock."""

import json as jsonlib
from dataclasses import asdict

from invoke.context import Context

from tagship.commands.task import ENV, JSON, task


@task(changes=False, help={"env": ENV, "json": JSON})
def status(_: Context, env: str = "", json: bool = False) -> None:
    """Show who is deploying to an environment.

    Prints who holds the lock, since when, and when it expires.
    """
    from tagship.project import here
    from tagship.reporting.table import since
    from tagship.server import connection as services
    from tagship.server import lock

    config = here.config()
    with services.connect(config.environment(env)) as opening:
        session = opening.session()
        held, now = lock.read(session.engine, session.place), session.engine.now()
    if json:
        print(jsonlib.dumps(asdict(held) if held else None))
    elif held is None:
        print(f"Nobody is deploying to {env}.")
    else:
        state = (
            f"expires in {since(held.expires - now)}" if held.expires > now else "expired: the next deploy takes over"
        )
        run = f", {held.holder.run}" if held.holder.run else ""
        print(f"{held.holder.who} holds it for {since(now - held.since)} ({held.holder.doing}{run}); it {state}.")


@task(help={"env": ENV, "dry-run": "Print who holds the lock, and don't free it."})
def release(_: Context, env: str = "", dry_run: bool = False) -> None:
    """Free the lock of an environment.

    A deploy that still holds it stops before its next change.
    """
    from tagship.project import here
    from tagship.server import connection as services
    from tagship.server import lock

    config = here.config()
    with services.connect(config.environment(env)) as opening:
        session = opening.session()
        held = lock.read(session.engine, session.place)
        if held is None:
            print(f"Nobody is deploying to {env}.")
            return
        if not dry_run:
            lock.release(session.engine, held.id)
    print(f"{'Would free' if dry_run else 'Freed'} the lock that {held.holder.who} held ({held.holder.doing}).")
