"""`accessories.up` and `accessories.status`: databases, caches and other services that no deploy touches."""

import json as jsonlib
from dataclasses import asdict

from invoke.context import Context

from tagship import accessories, configured, releases, services
from tagship.adapters import compose, git
from tagship.commands.options import ENV, JSON, task
from tagship.config import shape
from tagship.progress import Progress, table


@task(help={"env": ENV})
def up(_: Context, env: str = "") -> None:
    """Start the accessories that don't run yet, and wait until they are ready; one that exists is left as it is."""
    config = services.config()
    settings = config.environment(env)
    progress = Progress()
    version = git.version(folder=services.folder())
    with services.connect(config.app, settings) as opening, releases.checkout(version, services.folder()) as folder:
        sources = compose.sources(settings.compose, folder, lambda: git.files(version, services.folder()), config.app)
        wanted = shape(settings, sources.model["services"]).accessories
        resolved = configured.resolve(
            config.place(env), sources, wanted, tag=version.tag, settings=settings, folder=services.folder()
        )
        with progress.step("Connect"):
            session = opening.session()
        with progress.step(f"Start {', '.join(wanted) or 'no accessory'}"):
            started = accessories.up(session, resolved, services.holder("accessories.up"))
    print(f"Started {', '.join(started)}." if started else "All accessories run already.")


@task(help={"env": ENV, "json": JSON})
def status(_: Context, env: str = "", json: bool = False) -> None:
    """Which accessories run, and since when."""
    config = services.config()
    with services.connect(config.app, config.environment(env)) as opening:
        found = accessories.status(opening.session())
    if json:
        print(jsonlib.dumps([asdict(container) for container in found]))
    elif found:
        print(table([(c.service, c.state, c.status) for c in found], head=("accessory", "state", "status")))
    else:
        print(f"{env} has no accessories; `tagship accessories.up --env {env}` starts those of tagship.yml.")
