"""`build` and `push`: every image of a commit, tagged by its SHA."""

import json as jsonlib

from invoke.context import Context

from tagship.commands.task import DIRTY, JSON, task
from tagship.images import commit as images
from tagship.release import findings
from tagship.reporting import events
from tagship.reporting.progress import Progress
from tagship.server import connection as services
from tagship.source import git


@task(changes=False, trusts=False, help={"dirty": DIRTY, "json": JSON})
def build(_: Context, dirty: bool = False, json: bool = False) -> None:
    """Build every image of the current commit, in one parallel build, tagged by SHA."""
    config = services.config()
    wanted = _images(dirty=dirty)
    inherited = any(settings.compose == config.compose for settings in config.environments.values())
    findings.refuse([*(wanted.problems if inherited else ()), *images.unbuildable(wanted, config)])
    with services.local_engine() as engine:
        services.prepare_registry(config, config.app, engine)
        progress = Progress(quiet=json)
        with progress.step(f"Build {wanted.version.short}"):
            built = images.build(wanted, config, engine)
    if json:
        print(jsonlib.dumps({"tag": wanted.version.tag, "built": built, "images": wanted.repositories}))
        return
    for name, repository in wanted.repositories.items():
        print(f"{repository}:{wanted.version.tag}{'' if name in built else '  already in the registry'}")


@task(
    help={
        "dirty": "Push the images of the uncommitted tree.",
        "dry-run": "Print what the registry lacks, and push nothing.",
        "json": JSON,
    }
)
def push(_: Context, dirty: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Push the current commit's images; prints their digests. A SHA's images are never replaced."""
    config = services.config()
    wanted = _images(dirty=dirty)
    with services.local_engine() as engine:
        services.prepare_registry(config, config.app, engine)
        if dry_run:
            lacking = wanted.lacking(wanted.digests())
            print(jsonlib.dumps(lacking) if json else "\n".join(lacking) or "The registry has them all.")
            return
        with Progress(quiet=json).step(f"Push {wanted.version.short}"):
            digests = images.push(wanted, engine)
    named = wanted.references(digests)
    events.tell("pushed", tag=wanted.version.tag, images=named)
    print(jsonlib.dumps({"tag": wanted.version.tag, "images": named}) if json else "\n".join(named.values()))


def _images(*, dirty: bool) -> images.Images:
    config, folder = services.config(), services.folder()
    if not dirty:
        images.refuse_dirty(folder)
    return images.of(config, config.app, git.version(dirty=dirty, folder=folder), folder, repository=folder)
