"""Makes a commit a release: its Compose sources and the digests of its images."""

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tagship.engine.client import Engine
from tagship.errors import ConfigError, RegistryError, SourceError
from tagship.github import gate as approval
from tagship.images import commit as images
from tagship.images.commit import Images
from tagship.images.registry import UnreachableRegistryError
from tagship.project.schema import Config, Environment
from tagship.release import findings, render
from tagship.release.model import Record, Release, Shape, Sources, Version
from tagship.server import connection as services
from tagship.source import git
from tagship.system import scratch
from tagship.variables import resolve as configured
from tagship.variables.resolve import Resolved

DIGESTS = "TAGSHIP_DIGESTS"
"""JSON, image name → `REPOSITORY@sha256:…`: what the job that pushed hands to the job that deploys."""
VERSION = "org.opencontainers.image.version"
"""The label that holds an image's tag: a dirty build has its commit's revision, too."""


@contextmanager
def checkout(version: Version, folder: Path) -> Iterator[Path]:
    """A folder with just the files of a commit: the work tree when it is that commit, else a copy of the commit's."""
    if version.dirty or (version.sha == git.head(folder) and not git.changes(folder)):
        yield folder
        return
    with scratch.folder() as copy:
        yield git.export(version, copy, folder)


def version(settings: Environment, sha: str, *, dirty: bool) -> Version:
    """The commit meant. Raises SourceError where a dirty tree may not go, ApprovalError for one nobody has reviewed."""
    found = git.version(sha, dirty=dirty, folder=services.folder())
    approval.refuse_unreviewed(services.folder(), found.sha)
    if not dirty and (edited := git.edited(settings.variables, services.folder())):
        raise SourceError(
            f"{', '.join(edited)}, which {settings.name} takes its variables from, differs from what is committed.",
            hint="commit it, or `--dirty`; or let git ignore it, and it is nobody's commit",
        )
    if found.dirty and (settings.promote_from or settings.approval == "required"):
        raise SourceError(
            f"{settings.name} takes committed releases only, and the work tree has changes.", hint="commit them first"
        )
    return found


def resolve(sources: Sources, shape: Shape, version: Version, config: Config, settings: Environment) -> Resolved:
    """A release's Compose file with an environment's values in it. Raises ConfigError."""
    place, folder = config.place(settings.name), services.folder()
    resolved = configured.resolve(place, sources, shape.services, tag=version.tag, settings=settings, folder=folder)
    return _reporting(resolved, settings, version)


def again(record: Record, config: Config, settings: Environment) -> Resolved:
    """A recorded release's Compose file with the variables that it had, and today's secrets. Raises ConfigError."""
    place, folder, found = config.place(settings.name), services.folder(), record.release
    resolved = configured.resolve(
        place, found.sources, found.shape.services, tag=found.version.tag, settings=settings, folder=folder,
        recorded=record.configuration.variables if record.configuration else None,
    )  # fmt: skip
    return _reporting(resolved, settings, found.version)


def _reporting(resolved: Resolved, settings: Environment, version: Version) -> Resolved:
    """The same with what Sentry's SDKs look for, where Sentry is configured: a release's, never an accessory's."""
    if settings.sentry is None:
        return resolved
    variables = render.sentry_variables(resolved.place, version.tag)
    return dataclasses.replace(resolved, model=render.with_environment(resolved.model, variables))


def checked(found: Images, config: Config, settings: Environment, more: Iterable[str] = ()) -> Resolved:
    """The same for a commit to be brought there: refused with whatever its files alone tell is wrong, `more` included.

    Raises ConfigError, all at once: before anything is built, connected to or changed.
    """
    problems = [*found.problems, *more]
    try:
        resolved = resolve(found.sources, found.shape, found.version, config, settings)
    except ConfigError as error:
        findings.refuse([*error.problem.splitlines(), *problems], error.hint or findings.HINT)
        raise
    place, shape = config.place(settings.name), found.shape
    problems += findings.of(place, found.version, resolved.model, shape, services=shape.services, allow=settings.allow)
    findings.refuse(problems)
    return resolved


def release(
    found: Images, engine: Engine, pushed: Mapping[str, str] | None = None, *, planned: bool = False
) -> Release:
    """The commit's images by digest, those just pushed or the registry's. Raises RegistryError for one that is nowhere.

    `planned`: one that isn't there yet has a digest to plan with (`images.UNKNOWN`), and nothing can be done with it.
    With the registry down, what the server's engine has of that commit is as good: it was pulled by digest.
    """
    digests: Mapping[str, str]
    try:
        digests = pushed or (found.digests() if found.registry else images.local_ids(found, engine))
    except UnreachableRegistryError:
        digests = _on_the_server(found, engine)
        if not digests:
            raise
    _refuse_others(found.references(digests) if found.registry else {})
    digests = found.planned(digests) if planned else digests
    return Release(found.version, found.by_service(digests), found.sources, found.shape)


def _refuse_others(resolved: Mapping[str, str]) -> None:
    """What another CI job built and pushed is what is deployed, whatever a tag says by now."""
    try:
        handed = json.loads(os.environ.get(DIGESTS) or "null")
    except ValueError:
        raise ConfigError(f"{DIGESTS} is not JSON.", hint="hand over what `tagship push --json` prints") from None
    for name, reference in resolved.items():
        if handed is not None and handed.get(name) != reference:
            raise RegistryError(
                f"The registry has {reference} where the build pushed {handed.get(name)}.",
                hint="a SHA's images are never replaced: somebody else pushed to that tag",
            )


def _on_the_server(found: Images, engine: Engine) -> Mapping[str, str]:
    """Image name → digest, for those the server has of that very commit; from the embedded registry by any port."""
    names = {_anywhere(repository): name for name, repository in found.repositories.items()}
    digests: dict[str, str] = {}
    for image in engine.get("/images/json", filters={"label": [f"{VERSION}={found.version.tag}"]}):
        for reference in image["RepoDigests"] or ():
            repository, _, digest = reference.partition("@")
            if name := names.get(_anywhere(repository)):
                digests[name] = digest
    return digests


def _anywhere(repository: str) -> str:
    """A repository, of one beside us without the port: the server reaches it by another."""
    host, slash, path = repository.partition("/")
    return f"{host.partition(':')[0]}{slash}{path}" if host.startswith("localhost:") else repository
