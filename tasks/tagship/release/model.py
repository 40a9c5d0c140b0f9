"""Values that validate themselves: what a commit becomes and what an environment runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tagship.errors import ConfigError
from tagship.names import HIGHEST_PORT, UNBUILT, Version


@dataclass(frozen=True)
class Route:
    """A path the edge serves, `/api/*`, and the service and port that answer it."""

    path: str
    service: str
    port: int

    @classmethod
    def parse(cls, path: str, target: str) -> Self:
        """From tagship.yml's `PATH: SERVICE:PORT`. Raises ConfigError."""
        if not path.startswith("/"):
            raise ConfigError(f"The route {path!r} doesn't begin with a slash.", hint=f"write it as /{path}")
        service, colon, port = target.rpartition(":")
        if not colon or not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
            raise ConfigError(f"The route {path} goes to {target!r}.", hint="write it as SERVICE:PORT")
        return cls(path, service, int(port))


@dataclass(frozen=True)
class Served:
    """Routes, and how many containers answer each service's."""

    routes: tuple[Route, ...]
    replicas: tuple[tuple[str, int], ...] = ()
    """Service and number of containers, for services of more than one."""


def served(routes: tuple[Route, ...], containers: Mapping[str, int]) -> Served:
    """The routes of a release that stands, by how many containers each service has."""
    return Served(routes, _several({route.service: containers.get(route.service, 1) for route in routes}))


def _several(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((service, count) for service, count in counts.items() if count > 1))


@dataclass(frozen=True)
class Migrations:
    """How one service's schema is looked at and changed, each a command in a one-off of the new image."""

    service: str
    framework: str
    """`django`, whose output we read, or `command`: one pending migration a line."""
    pending: tuple[str, ...]
    apply: tuple[str, ...]
    lock_timeout: str = "5s"


@dataclass(frozen=True)
class Shape:
    """What of a Compose file a release is made of, and how it is served."""

    services: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    accessories: tuple[str, ...] = ()
    singletons: tuple[str, ...] = ()
    migrations: Migrations | None = None


@dataclass(frozen=True)
class Sources:
    """A commit's Compose files: merged, not interpolated, with the content of every file they name.

    `model` is Compose's own JSON; paths in it are relative to the project's folder and are the keys of `files`.
    """

    model: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """What a commit became: the images of its services and its Compose sources. Immutable."""

    version: Version
    images: Mapping[str, str]
    """Service → the image's reference by digest, `REPOSITORY@sha256:…`, or an image id on a local engine."""
    sources: Sources
    shape: Shape

    @property
    def unbuilt(self) -> frozenset[str]:
        """Its images that aren't built yet: it can be planned with, and not deployed."""
        return frozenset(image for image in self.images.values() if image.endswith(UNBUILT))


@dataclass(frozen=True)
class Volume:
    """A volume to be made on the engine. Its values are as in a Compose model: secrets `⟦NAME⟧`, `$` as `$$`."""

    name: str
    driver: str = ""
    """The engine's own where it is empty."""
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """What an environment adds to a release, as far as it may be kept: no secret is in it."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Variable → value, those that the Compose file refers to."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret → a keyed hash of its value, which tells only whether it is the same."""
    schema: str = ""
    """A keyed hash of all that migrations run with, image and configuration; empty where the image has no digest."""


@dataclass(frozen=True)
class Record:
    """What is kept of a release in an environment, to render it again."""

    release: Release
    configuration: Configuration | None = None
    """None in a record that an older version wrote."""


@dataclass(frozen=True)
class Rendered:
    """A release in an environment: release + configuration. Secrets are held by name, so it may be printed."""

    name: str
    release: Release
    model: Mapping[str, Any]
    """The Compose model to create, `${…}` resolved, secrets as `⟦NAME⟧`."""
    secrets: frozenset[str] = frozenset()
    volumes: tuple[Volume, ...] = ()
    """Those that are ours to make."""
    configuration: Configuration = Configuration()

    @property
    def record(self) -> Record:
        """What is kept of it."""
        return Record(self.release, self.configuration)

    @property
    def external_volumes(self) -> frozenset[str]:
        """The names of those that somebody else has made."""
        every = (self.model.get("volumes") or {}).values()
        return frozenset(volume["name"] for volume in every) - {volume.name for volume in self.volumes}

    @property
    def routed(self) -> tuple[str, ...]:
        """The services that answer requests, and those of the release that they depend on."""
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
        """Every service, dependencies first. Compose has refused cycles by now."""
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
        """The services of the release that one waits for."""
        return tuple(sorted(self.model["services"][service].get("depends_on") or {}))

    def ends(self, service: str) -> bool:
        """Whether a service is a one-shot that another waits for."""
        return ends(self.model, service)

    def replicas(self, service: str) -> int:
        """How many containers Compose makes of a service."""
        return replicas(self.model["services"][service])


def ends(model: Mapping[str, Any], service: str) -> bool:
    """Whether a service of a Compose model is a one-shot: another waits for it to end."""
    conditions = (
        (settings.get("depends_on") or {}).get(service, {}).get("condition") for settings in model["services"].values()
    )
    return "service_completed_successfully" in conditions


def replicas(settings: Mapping[str, Any]) -> int:
    """How many containers Compose makes of a service with those settings: none, where they say 0."""
    counts = (settings.get("scale"), (settings.get("deploy") or {}).get("replicas"))
    said = next((count for count in counts if count is not None), 1)
    return int(said) if str(said).isdecimal() else 1  # not interpolated yet: nobody knows
