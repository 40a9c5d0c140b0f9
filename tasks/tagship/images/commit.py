"""The images of a commit: which are in the registry, built and pushed where they are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.engine import compose
from tagship.engine.client import Engine
from tagship.errors import ConfigError, RegistryError, SourceError
from tagship.images import definition as bake
from tagship.images import embedded
from tagship.images import push as builder
from tagship.images.registry import Registry, UnreachableRegistryError, split
from tagship.project.schema import Config, Environment, Settings, shape
from tagship.release import findings, references, render
from tagship.release.model import Digest, Place, Shape, Sources, Version
from tagship.release.references import Need
from tagship.reporting import telemetry
from tagship.source import git
from tagship.system.parallel import together
from tagship.variables import files as variables

UNKNOWN = Digest(f"sha256:{'0' * 64}")


@dataclass(frozen=True)
class Images:
    """The images of one commit, in one registry or on this machine's engine."""

    version: Version
    sources: Sources
    shape: Shape
    folder: Path
    """Where its files are: the work tree, or a copy of the commit's."""
    names: Mapping[str, str]
    """Service → image name."""
    prefix: str
    registry: Registry | None
    problems: tuple[str, ...] = ()
    """What is wrong with the Compose file, as far as its variables don't decide it."""

    @property
    def repositories(self) -> dict[str, str]:
        """Image name → repository."""
        return {name: f"{self.prefix}/{name}" for name in sorted(set(self.names.values()))}

    def digests(self) -> dict[str, Digest]:
        """Image name → digest, for those the registry has. Raises RegistryError."""
        if self.registry is None:
            return {}
        registry = self.registry

        def ask(repository: str) -> Digest | None:
            return registry.digest(split(repository)[1], self.version.tag)

        found = dict(zip(self.repositories, together(ask, self.repositories.values()), strict=True))
        return {name: digest for name, digest in found.items() if digest}

    def lacking(self, there: Mapping[str, str]) -> list[str]:
        """`REPOSITORY:TAG` of the images that aren't among those."""
        return [f"{where}:{self.version.tag}" for name, where in self.repositories.items() if name not in there]

    def references(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Image name → `REPOSITORY@sha256:…`."""
        return {name: f"{self.repositories[name]}@{digest}" for name, digest in digests.items()}

    def planned(self, digests: Mapping[str, str]) -> dict[str, str]:
        """The same, with a digest that no image has for each that isn't there yet: enough to plan with."""
        return {**dict.fromkeys(self.names.values(), UNKNOWN), **digests}

    def by_service(self, digests: Mapping[str, str]) -> dict[str, str]:
        """Service → reference by digest, or an id where there is no registry. Raises RegistryError for one missing."""
        lacking = sorted({name for name in self.names.values() if name not in digests})
        if lacking:
            where = self.registry.host if self.registry else "This machine's engine"
            raise RegistryError(
                f"{where} has no {', '.join(lacking)} of {self.version.short}.",
                hint="run `tagship build push` on that commit first, or `tagship ship`",
            )
        repositories = self.repositories if self.registry else {}
        return {
            service: f"{repositories[name]}@{digests[name]}" if name in repositories else digests[name]
            for service, name in self.names.items()
        }


def of(settings: Settings, app: str, version: Version, folder: Path, *, repository: Path) -> Images:
    """The images of a commit whose files are in a folder; `repository` is the project's own, which git knows.

    Raises ConfigError where a server could have them from nowhere.
    """
    if isinstance(settings, Environment) and settings.engine != "local" and not settings.registry:
        raise ConfigError(
            f"{settings.name} is on {settings.engine}, and tagship.yml names no registry to bring images there.",
            hint="set `registry`, or `registry: embedded`, which needs no account",
        )
    sources = compose.sources(settings.compose, folder, lambda: git.files(version, repository), app)
    found = shape(settings, sources.model["services"])
    names = bake.image_names(sources.model, found.services)
    prefix = embedded.prefix(app) if settings.registry == "embedded" else settings.registry or f"{app}.local"
    # an engine on this machine has what was built here
    local = isinstance(settings, Environment) and settings.engine == "local"
    host, insecure = split(f"{prefix}/x")[0], settings.registry_insecure
    registry = Registry(host, insecure=insecure) if settings.registry and not local else None
    place = Place(app, _longest_name(settings))
    problems = [
        *findings.unplaced(sources.model, found, settings.allow),
        *findings.of(place, version, sources.model, found, services=found.services, allow=settings.allow),
    ]
    return Images(version, sources, found, folder, names, prefix, registry, tuple(problems))


def unbuildable(images: Images, settings: Settings) -> list[str]:
    """What building lacks, one a line: a variable that is blank in one build is blank under that SHA for ever."""
    part = render.build_part(images.sources)
    known = _known(images, settings)
    kept = {item.get("environment") for item in (part.model.get("secrets") or {}).values()}
    lacking = [
        name
        for name, need in references.of(part.model, {}).items()
        if name not in kept and ((need >= Need.SET and name not in known) or (need is Need.FILLED and not known[name]))
    ]
    if not lacking:
        return []
    files = ", ".join(settings.variables) or "a file, to be named by `variables`"
    said = (
        f"The build has no value for {', '.join(sorted(lacking))}. An image is the same in every environment, so a "
        f"build knows TAGSHIP_SHA and the top level's variables ({files}), no environment's."
    )
    return [said]


def _known(images: Images, settings: Settings) -> dict[str, str]:
    return {**variables.read(settings.variables, images.folder), "TAGSHIP_SHA": images.version.tag}


def _longest_name(settings: Settings) -> str:
    """The environment's name; where all are meant, the longest, which leaves the least room for others."""
    if isinstance(settings, Environment):
        return settings.name
    return max(settings.environments, key=len) if isinstance(settings, Config) else "x"


def build(images: Images, settings: Settings, engine: Engine) -> list[str]:
    """Build what the registry lacks. Returns the names built. Raises BuildError."""
    try:
        there = images.digests()
    except UnreachableRegistryError:
        there = {}  # a build needs no registry; the push will say so
    wanted = {service: name for service, name in images.names.items() if name not in there}
    if not wanted:
        return []
    resolved = compose.interpolate(render.build_part(images.sources), _known(images, settings))
    needed = bake.secret_variables(resolved)
    secrets = variables.secrets(settings.secrets, needed)
    telemetry.conceal(secrets.values())
    if lacking := sorted(needed - secrets.keys()):
        raise ConfigError(
            f"The build needs {', '.join(lacking)}.", hint=f"it is a secret: set it for {settings.secrets}"
        )
    labels = bake.labels(images.version, git.remote(images.folder), git.committed_at(images.version, images.folder))
    builder.bake(
        engine.socket,
        bake.definition(resolved, wanted, images.folder, prefix=images.prefix, version=images.version, labels=labels),
        secrets,
    )
    return sorted(set(wanted.values()))


def push(images: Images, engine: Engine) -> dict[str, Digest]:
    """Push what the registry lacks. Returns image name → digest. Raises RegistryError; never overwrites a tag."""
    if images.registry is None:
        raise RegistryError(
            "tagship.yml names no registry.",
            hint="set `registry`, or `registry: embedded`; this machine's own engine needs none",
        )
    registry, there = images.registry, images.digests()

    def one(item: tuple[str, str]) -> Digest:
        name, repository = item
        local = builder.image(engine, f"{repository}:{images.version.tag}")
        if name in there:
            _refuse_another(repository, images.version, there[name], local)
            return there[name]
        if local is None:
            raise RegistryError(
                f"There is no image {repository}:{images.version.tag} to push.", hint="run `tagship build` first"
            )
        return builder.push(engine, repository, images.version.tag, registry.credentials)

    return dict(zip(images.repositories, together(one, images.repositories.items()), strict=True))


def local_ids(images: Images, engine: Engine) -> dict[str, str]:
    """Image name → id, for those this machine's engine has."""
    found = {n: builder.image(engine, f"{r}:{images.version.tag}") for n, r in images.repositories.items()}
    return {name: image["Id"] for name, image in found.items() if image}


def refuse_dirty(folder: Path) -> None:
    """Raises SourceError when the work tree isn't the commit."""
    changed = git.changes(folder)
    if changed:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")  # noqa: PLR2004
        raise SourceError(f"The work tree has uncommitted changes: {shown}.", hint="commit them, or `--dirty`")


def _refuse_another(repository: str, version: Version, digest: Digest, local: Mapping[str, Any] | None) -> None:
    known = builder.pushed_digests(local, repository) if local else set()
    if local and digest not in known:
        raise RegistryError(
            f"{repository}:{version.tag} already names {digest}, and the image built here is another one.",
            hint="a SHA's images are never replaced: commit again, or remove the image here to use the registry's",
        )
