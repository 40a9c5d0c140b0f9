"""`registry.status` and `registry.stop`: the embedded registry on this machine."""

import json as jsonlib
from dataclasses import asdict

from invoke.context import Context

from tagship.commands.task import DRY_RUN, JSON, task


@task(changes=False, help={"json": JSON})
def status(_: Context, json: bool = False) -> None:
    """Show whether the embedded registry runs here."""
    from tagship.engine import local
    from tagship.images import embedded
    from tagship.project import here

    config = here.config()
    with local.local_engine() as engine:
        found = embedded.standing(engine, config.app)
    address = f"localhost:{embedded.port(config.app)}"
    if json:
        print(jsonlib.dumps({"app": config.app, "address": address, **asdict(found)}))
    elif found.container:
        state = f"runs at {address}" if found.running else "is stopped; the next push starts it"
        print(f"The registry of {config.app} {state}. Container {config.app}-registry, volume {found.volume}.")
    else:
        kept = f" Its images are in the volume {found.volume}." if found.volume else ""
        print(f"No registry of {config.app} runs on this machine.{kept}")


@task(
    help={
        "images": "Also delete the images in it. Servers keep those that they have pulled.",
        "dry-run": DRY_RUN,
        "json": JSON,
    },
)
def stop(_: Context, images: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Stop the embedded registry on this machine.

    Keeps its images, unless you pass --images. The next `build`, `push` or `ship` starts it again.
    """
    from tagship.engine import local
    from tagship.images import embedded
    from tagship.project import here

    app = here.config().app
    with local.local_engine() as engine:
        found = embedded.standing(engine, app)
        gone = [f"container {found.container[:12]}"] if found.container else []
        gone += [f"volume {found.volume}"] if images and found.volume else []
        if not dry_run:
            embedded.stop(engine, app, found, images=images)
    if json:
        print(jsonlib.dumps({"app": app, "removed": gone, "dry_run": dry_run}))
    elif gone:
        print(f"{'Would remove' if dry_run else 'Removed'} the registry of {app}: {', '.join(gone)}.")
    else:
        print(f"No registry of {app} runs on this machine.")
