"""The values that describe a release: what a commit becomes and what an environment runs. They validate themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tagship.errors import ConfigError
from tagship.names import HIGHEST_PORT, UNBUILT, Version


@dataclass(frozen=True)
class Route:
    """A path that the edge serves, `/api/*`, and the service and port that answer it."""

    path: str
    service: str
    port: int
    strip: str = ""
    """The path's beginning that the service doesn't see, `/api`; empty for none."""
    assets: str = ""
    """The folder of the service's image with this path's files, if they stay available after a cutover."""

    @classmethod
    def parse(cls, path: str, target: str) -> Self:
        """Parse tagship.yml's `PATH: SERVICE:PORT`, or `SERVICE:PORT/`, which strips the path. Raises ConfigError."""
        if not path.startswith("/"):
            raise ConfigError(f"The route {path!r} doesn't begin with a slash.", hint=f"write it as /{path}")
        strip = target.endswith("/")
        if strip and not path.endswith("/*"):
            raise ConfigError(
                f"The route {path} goes to {target!r}, but has no beginning to strip.",
                hint="remove the slash behind the port, or end the path with /*",
            )
        service, colon, port = target.removesuffix("/").rpartition(":")
        if not colon or not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
            raise ConfigError(f"The route {path} goes to {target!r}.", hint="write it as SERVICE:PORT")
        return cls(path, service, int(port), path.removesuffix("/*") if strip else "")


@dataclass(frozen=True)
class Served:
    """Routes, and how many containers answer for each service."""

    routes: tuple[Route, ...]
    replicas: tuple[tuple[str, int], ...] = ()
    """Service and number of containers, for services with more than one."""


def served(routes: tuple[Route, ...], containers: Mapping[str, int]) -> Served:
    """The routes of an existing release, with the number of containers of each service."""
    return Served(routes, _several({route.service: containers.get(route.service, 1) for route in routes}))


def _several(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((service, count) for service, count in counts.items() if count > 1))


@dataclass(frozen=True)
class Migrations:
    """How one service's schema is checked and changed: commands for a one-off of the new image."""

    service: str
    framework: str
    """`django`, whose output Tagship parses, or `command`: one pending migration per line."""
    pending: tuple[str, ...]
    apply: tuple[str, ...]
    lock_timeout: str = "5s"
    statement_timeout: str = ""
    """Empty for the database's own."""
    lock_retries: int = 10
    """How often `apply` is repeated after a lock timeout, at most."""
    lock_retries_within: float = 300
    """Seconds after which it isn't repeated any more."""
    django_shell: tuple[str, ...] = ()
    """Django's `manage.py shell -c`, to which a script is added; empty for other frameworks."""
    list: tuple[str, ...] = ()
    """Prints the applied migrations, one per line, in the order of application."""
    reverse: tuple[str, ...] = ()
    """Reverses the last `{count}` migrations, so that `{target}` is the last applied one."""
    sql: tuple[str, ...] = ()
    """Prints the SQL of the pending migrations."""
    compatible: tuple[str, ...] = ()
    """Migrations after which the release before runs, although nothing else shows it."""


@dataclass(frozen=True)
class Shape:
    """Which services of a Compose file make up a release, and how they are served."""

    services: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    accessories: tuple[str, ...] = ()
    singletons: tuple[str, ...] = ()
    migrations: Migrations | None = None
    recreate: bool = False
    """Whether two releases may never run at once."""

    @property
    def alone(self) -> tuple[str, ...]:
        """The services whose old containers stop before the new ones start."""
        return self.services if self.recreate else self.singletons


@dataclass(frozen=True)
class Sources:
    """A commit's Compose files, merged but not interpolated, with the content of every file that they name.

    `model` is Compose's own JSON; paths in it are relative to the project's folder and are the keys of `files`.
    """

    model: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """What a commit becomes: the images of its services, and its Compose sources. Immutable."""

    version: Version
    images: Mapping[str, str]
    """Service → the image's reference by digest, `REPOSITORY@sha256:…`, or an image id on a local engine."""
    sources: Sources
    shape: Shape

    @property
    def unbuilt(self) -> frozenset[str]:
        """Its images that aren't built yet: enough for a plan, but not for a deploy."""
        return frozenset(image for image in self.images.values() if image.endswith(UNBUILT))


@dataclass(frozen=True)
class Volume:
    """A volume to create on the engine. Its values are as in a Compose model: secrets `⟦NAME⟧`, `$` as `$$`."""

    name: str
    driver: str = ""
    """Empty for the engine's default."""
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """What an environment adds to a release, without the values of secrets, so that it may be stored."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Variable → value, for the variables that the Compose file refers to."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret → a keyed hash of its value, which shows only whether it has changed."""
    schema: str = ""
    """A keyed hash of everything that affects migrations, image and configuration; empty if the image has no digest."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Variable or secret → the file or store that gave it; empty in a record of an older version."""


@dataclass(frozen=True)
class Record:
    """What the environment stores about a release, to render it again."""

    release: Release
    configuration: Configuration | None = None
    """None in a record of an older version."""


@dataclass(frozen=True)
class Rendered:
    """A release in an environment: release + configuration. Contains secrets only by name, so it may be printed."""

    name: str
    release: Release
    model: Mapping[str, Any]
    """The Compose model to create, with `${…}` resolved and secrets as `⟦NAME⟧`."""
    secrets: frozenset[str] = frozenset()
    volumes: tuple[Volume, ...] = ()
    """The volumes that Tagship creates."""
    configuration: Configuration = Configuration()

    @property
    def record(self) -> Record:
        """The record to store."""
        return Record(self.release, self.configuration)

    @property
    def external_volumes(self) -> frozenset[str]:
        """The names of volumes that Tagship doesn't create."""
        every = (self.model.get("volumes") or {}).values()
        return frozenset(volume["name"] for volume in every) - {volume.name for volume in self.volumes}

    @property
    def routed(self) -> tuple[str, ...]:
        """The services that answer requests, and the services of the release that they depend on."""
        wanted = {route.service for route in self.release.shape.routes}
        while more := {name for service in wanted for name in self.dependencies(service)} - wanted:
            wanted |= more
        return tuple(service for service in self.order if service in wanted)

    @property
    def served(self) -> Served:
        """Its routes, as the edge serves them."""
        return served(self.release.shape.routes, {service: self.replicas(service) for service in self.order})

    @property
    def order(self) -> tuple[str, ...]:
        """Every service, dependencies first. Compose has already refused cycles."""
        done: list[str] = []

        def visit(service: str) -> None:
            for name in self.dependencies(service):
                visit(name)
            if service not in done:
                done.append(service)

        for service in sorted(self.model["services"]):
            visit(service)
        return tuple(done)

    def dependencies(self, service: str) -> tuple[str, ...]:
        """The services of the release that this one waits for."""
        return tuple(sorted(self.model["services"][service].get("depends_on") or {}))

    def ends(self, service: str) -> bool:
        """Whether another service waits for this one to complete, so that it is a one-shot."""
        return ends(self.model, service)

    def replicas(self, service: str) -> int:
        """How many containers Compose creates for a service."""
        return replicas(self.model["services"][service])


def ends(model: Mapping[str, Any], service: str) -> bool:
    """Whether a service of a Compose model is a one-shot: another service waits for it to complete."""
    conditions = (
        (settings.get("depends_on") or {}).get(service, {}).get("condition") for settings in model["services"].values()
    )
    return "service_completed_successfully" in conditions


def replicas(settings: Mapping[str, Any]) -> int:
    """How many containers Compose creates for a service with these settings; none if they say 0."""
    counts = (settings.get("scale"), (settings.get("deploy") or {}).get("replicas"))
    number = next((count for count in counts if count is not None), 1)
    return int(number) if str(number).isdecimal() else 1  # not interpolated yet, so the number is unknown
