"""The images of a commit, and which of them the registry already has."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tagship.errors import ConfigError, RegistryError
from tagship.images import definition, embedded
from tagship.images.registry import Registry, split
from tagship.names import UNBUILT, Digest, Place, Version
from tagship.project import lines
from tagship.project.schema import Config, Environment
from tagship.release import findings
from tagship.release.model import Shape, Sources
from tagship.release.shape import shape
from tagship.source import compose_file, git
from tagship.system.parallel import together
from tagship.variables import resolve
from tagship.variables.resolve import Resolution


@dataclass(frozen=True)
class Images:
    """The images of one commit, in one registry or on this machine's engine."""

    version: Version
    sources: Sources
    shape: Shape
    folder: Path
    """The folder with its files: the work tree, or a copy of the commit."""
    names: Mapping[str, str]
    """Service → image name."""
    prefix: str
    registry: Registry | None
    problems: tuple[str, ...] = ()
    """Problems of the Compose file that don't depend on variables."""

    @property
    def repositories(self) -> dict[str, str]:
        """Image name → repository."""
        return {name: f"{self.prefix}/{name}" for name in sorted(set(self.names.values()))}

    def digests(self) -> dict[str, Digest]:
        """Image name → digest, for the images in the registry. Raises RegistryError."""
        if self.registry is None:
            return {}
        registry = self.registry

        def ask(repository: str) -> Digest | None:
            return registry.digest(split(repository)[1], self.version.tag)

        found = dict(zip(self.repositories, together(ask, self.repositories.values()), strict=True))
        return {name: digest for name, digest in found.items() if digest}

    def lacking(self, there: Mapping[str, str]) -> list[str]:
        """`REPOSITORY:TAG` of the images that are missing in `there`."""
        return [f"{where}:{self.version.tag}" for name, where in self.repositories.items() if name not in there]

    def references(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Image name → `REPOSITORY@sha256:…`."""
        return {name: f"{self.repositories[name]}@{digest}" for name, digest in digests.items()}

    def planned(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Image name → digest, with a placeholder for missing images, so that a plan can be made."""
        return {**dict.fromkeys(self.names.values(), UNBUILT), **digests}

    def by_service(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Service → reference by digest, or an id without a registry. Raises RegistryError if an image is missing."""
        lacking = sorted({name for name in self.names.values() if name not in digests})
        if lacking:
            where = self.registry.host if self.registry else "This machine's engine"
            raise RegistryError(
                f"{where} has no {', '.join(lacking)} of {self.version.short}.",
                hint="run `tagship build push` on that commit, then repeat this command",
            )
        repositories = self.repositories if self.registry else {}
        return {
            service: f"{repositories[name]}@{digests[name]}" if name in repositories else digests[name]
            for service, name in self.names.items()
        }


def of(
    settings: Config | Environment,
    version: Version,
    folder: Path,
    *,
    repository: Path,
    printed: Callable[[], str] | None = None,
) -> Images:
    """The images of a commit with its files in a folder; `repository` is the project's folder in git.

    `printed` gives what Compose prints of the files in the folder, if it was asked before. Raises ConfigError if a
    server couldn't get them from anywhere.
    """
    if isinstance(settings, Environment) and settings.engine != "local" and not settings.registry:
        raise ConfigError(
            f"{settings.name} is on {settings.engine}, but tagship.yml has no registry for its images.",
            hint="set `registry`, or `registry: embedded`, which needs no account",
        )
    committed = partial(git.files, version, repository)
    sources = compose_file.sources(settings.compose, folder, committed, settings.app, printed)
    at = partial(lines.where, settings)
    found = shape(settings, sources.model["services"], at)
    names = definition.image_names(sources.model, found.services)
    app = settings.app
    prefix = embedded.prefix(app) if settings.registry == "embedded" else settings.registry or f"{app}.local"
    # an engine on this machine has the images that were built here
    local = isinstance(settings, Environment) and settings.engine == "local"
    host, insecure = split(f"{prefix}/x")[0], settings.registry_insecure
    registry = Registry(host, insecure=insecure) if settings.registry and not local else None
    place = Place(app, _longest_name(settings))
    findings.refuse(findings.pointless(sources.model, settings.allow, at), "correct `allow`, or remove it")
    where, allow = partial(compose_file.where, settings.compose, folder), settings.allow
    problems = [
        *findings.unplaced(sources.model, found, allow, where),
        *findings.of(place, version, sources.model, found, services=found.services, allow=allow, where=where),
    ]
    return Images(version, sources, found, folder, names, prefix, registry, tuple(problems))


def checked(images: Images, settings: Environment, folder: Path, more: Iterable[str] = ()) -> Resolution:
    """Resolve the commit's Compose file for an environment, and refuse it if the files alone show problems.

    `more`: problems that are already known. Raises ConfigError with all of them, before anything is built, connected to
    or changed.
    """
    problems = [*images.problems, *more]
    shape = images.shape
    try:
        resolved = resolve.of_release(settings, images.sources, shape, images.version, folder)
    except ConfigError as error:
        findings.refuse([*error.problem.splitlines(), *problems], error.hint or findings.HINT)
        raise
    problems += findings.of(
        settings.place, images.version, resolved.model, shape, services=shape.services, allow=settings.allow,
        where=partial(compose_file.where, settings.compose, images.folder),
    )  # fmt: skip
    findings.refuse(problems)
    return resolved


def _longest_name(settings: Config | Environment) -> str:
    """The environment's name; for all of them, the longest, which leaves the least room for other names."""
    if isinstance(settings, Environment):
        return settings.name
    return max(settings.environments, key=len)
