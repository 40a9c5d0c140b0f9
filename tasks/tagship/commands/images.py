"""`build` and `push`: every image of a commit, tagged with its SHA."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import DIRTY, JSON, VERBOSE, task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tagship.images import artifact, commit
    from tagship.reporting.progress import Progress


@task(changes=False, trusts=False, help={"dirty": DIRTY, "verbose": VERBOSE, "json": JSON})
def build(_: Context, dirty: bool = False, verbose: bool = False, json: bool = False) -> None:
    """Build all images of the commit, tagged with its SHA.

    Builds them in parallel; skips images that are already in the registry.
    """
    from tagship.companions.companion import around_build
    from tagship.engine import local
    from tagship.images import embedded
    from tagship.images.build import build as build_images
    from tagship.images.build import resolve, unbuildable
    from tagship.project import here
    from tagship.release import findings
    from tagship.reporting.progress import Progress

    config = here.config()
    wanted = _images(dirty=dirty)
    inherited = any(settings.compose == config.compose for settings in config.environments.values())
    findings.refuse([*(wanted.problems if inherited else ()), *unbuildable(wanted, config)])
    with local.local_engine() as engine:
        embedded.prepare(config, engine)
        progress, title = Progress(quiet=json, verbose=verbose), f"Build {wanted.version.short}"
        around = around_build(config, wanted.version, here.folder(), progress)
        with around, progress.step(title), progress.output(title) as tell:
            built = build_images(wanted, config, resolve(wanted, config), engine, tell, config.build)
    if json:
        print(jsonlib.dumps({"tag": wanted.version.tag, "built": built, "images": wanted.repositories}))
        return
    for name, repository in wanted.repositories.items():
        print(f"{repository}:{wanted.version.tag}{'' if name in built else '  already in the registry'}")


@task(
    help={
        "dirty": "Push the images of the uncommitted work tree.",
        "dry-run": "Print the images that the registry lacks, and push nothing.",
        "json": JSON,
    }
)
def push(_: Context, dirty: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Push the commit's images and print their digests.

    Never replaces the images of a SHA.
    """
    from tagship.engine import local
    from tagship.images import artifact, embedded
    from tagship.images.push import push as push_images
    from tagship.project import here
    from tagship.reporting import events
    from tagship.reporting.progress import Progress

    config = here.config()
    wanted = _images(dirty=dirty)
    with local.local_engine() as engine:
        embedded.prepare(config, engine)
        if dry_run:
            lacking = wanted.lacking(wanted.digests())
            print(jsonlib.dumps(lacking) if json else "\n".join(lacking) or "The registry has all images.")
            return
        progress = Progress(quiet=json)
        if config.release.publish:
            artifact.refuse(wanted)
        with progress.step(f"Push {wanted.version.short}"):
            digests = push_images(wanted, engine)
        if config.release.publish:
            _published(wanted, digests, progress)
    named = wanted.references(digests)
    events.tell("pushed", tag=wanted.version.tag, images=named)
    print(jsonlib.dumps({"tag": wanted.version.tag, "images": named}) if json else "\n".join(named.values()))


@task(
    help={
        "dirty": "Publish the uncommitted work tree, whose images are pushed.",
        "dry-run": "Print the Compose file, and publish nothing.",
        "json": JSON,
    }
)
def publish(_: Context, dirty: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Publish the release's Compose file in the registry.

    Any Compose runs it from there, without Tagship: `docker compose -f oci://REGISTRY/release:SHA up`. Its images are
    named by digest, and its variables stay open.
    """
    from tagship.engine import local
    from tagship.images import artifact, embedded
    from tagship.project import here
    from tagship.reporting import report
    from tagship.reporting.progress import Progress

    config = here.config()
    wanted = _images(dirty=dirty)
    artifact.refuse(wanted)
    with local.local_engine() as engine:
        embedded.prepare(config, engine)
        digests = wanted.digests()
        composed = artifact.composed(wanted, digests, artifact.pinned(wanted))
        if dry_run:
            report.plan(jsonlib.dumps(composed, indent=2, ensure_ascii=False), json=json)
            return
        done = _published(wanted, digests, Progress(quiet=json))
    print(jsonlib.dumps(asdict(done)) if json else done.tagged)


def _published(wanted: commit.Images, digests: Mapping[str, str], progress: Progress) -> artifact.Published:
    from tagship.images import artifact
    from tagship.project import here
    from tagship.source import git

    with progress.step(f"Publish {wanted.version.short}"):
        done = artifact.publish(wanted, digests, git.committed_at(wanted.version, here.folder()))
    for image in done.by_tag:
        progress.note(f"{image} is named by its tag, because its digest isn't known")
    return done


def _images(*, dirty: bool) -> commit.Images:
    from tagship.images import commit
    from tagship.project import here
    from tagship.source import checkout, git

    config, folder = here.config(), here.folder()
    if not dirty:
        checkout.refuse_dirty(folder)
    return commit.of(config, git.version(dirty=dirty, folder=folder), folder, repository=folder)
