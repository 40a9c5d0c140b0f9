"""Fills an environment's variables and secrets into a commit's Compose file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagship.errors import ConfigError
from tagship.names import Place, Version
from tagship.project.schema import Environment
from tagship.release import markers, references, render, selection, usage
from tagship.release.identity import configuration, keyed
from tagship.release.markers import Model
from tagship.release.model import Configuration, Record, Release, Rendered, Shape, Sources
from tagship.reporting import redaction
from tagship.secret import Secret
from tagship.source import compose_file
from tagship.variables import check
from tagship.variables import files as variables
from tagship.variables import values as collected

_HASHED = 16
"""Hex digits of a secret's keyed hash: enough to see a change, too few for anything else."""


@dataclass(frozen=True)
class Resolution:
    """Some services of a Compose file, with `${…}` resolved and secrets by name.

    `secrets` holds their values, and those of every variable that Compose takes from its own environment.
    """

    place: Place
    model: Mapping[str, Any]
    files: Mapping[str, str]
    secrets: Mapping[str, Secret]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Values from files, for the variables that the Compose file refers to."""
    notes: tuple[str, ...] = ()
    """What is wrong with these values, but refuses no deploy."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Variable or secret → the file or store that gives it."""

    def rendered(self, release: Release, key: bytes) -> Rendered:
        """The release's Compose project, named after the commit and this configuration. Raises ConfigError."""
        identity = configuration(key, self.model, self.files, release.images, self.secrets)
        name = self.place.release_name(release.version, identity)
        rendered = render.render_release(self.place, release, self.model, self.files, name)
        return replace(rendered, configuration=self._kept(release, key))

    def _kept(self, release: Release, key: bytes) -> Configuration:
        secrets = {name: keyed(key, value.reveal())[:_HASHED] for name, value in self.secrets.items()}
        how = release.shape.migrations
        image = release.images.get(how.service, "") if how else ""
        if how is None or not image:
            return Configuration(self.variables, secrets, origins=self.origins)
        settings = self.model["services"][how.service]
        used = {name: secrets[name] for name in usage.secrets_of(settings, self.model) if name in secrets}
        schema = keyed(key, [settings, dict(self.files), image, used])
        return Configuration(self.variables, secrets, schema, self.origins)


def of_release(settings: Environment, sources: Sources, shape: Shape, version: Version, folder: Path) -> Resolution:
    """Resolve a release's services with an environment's values. Raises ConfigError."""
    return _reporting(of_services(settings, sources, shape.services, version.tag, folder), settings, version)


def again(settings: Environment, record: Record, folder: Path) -> Resolution:
    """Resolve a recorded release's services with the variables that it had, and today's secrets. Raises ConfigError."""
    found, kept = record.release, record.configuration
    recorded = kept.variables if kept else None
    resolved = of_services(settings, found.sources, found.shape.services, found.version.tag, folder, recorded=recorded)
    if kept:
        of_record = {name: kept.origins.get(name, "") for name in kept.variables}
        resolved = replace(resolved, origins={**resolved.origins, **of_record})
    return _reporting(resolved, settings, found.version)


def as_it_stands(settings: Environment, record: Record, name: str, key: bytes) -> Rendered:
    """A recorded release under the name that it has, its secrets by name alone: enough to start its containers again.

    Raises ConfigError if the record is too old to have its variables.
    """
    model, files = recorded_model(settings, record, name, key)
    rendered = render.render_release(settings.place, record.release, model, files, name)
    return replace(rendered, configuration=record.configuration or Configuration())


def recorded_model(
    settings: Environment, record: Record, name: str, key: bytes
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """A recorded release's Compose model, filled with its variables and the names of its secrets; and its files.

    Raises ConfigError if the record is too old to have its variables.
    """
    found, kept = record.release, record.configuration
    if kept is None:
        raise ConfigError(f"The variables of {name} were not stored.", hint="deploy that commit again")
    wanted = selection.select(found.sources, found.shape.services)
    empty = keyed(key, "")[:_HASHED]
    given = {
        **kept.variables,
        **own(settings, found.version.tag),
        **{each: "" if hashed == empty else redaction.marker(each) for each, hashed in kept.secrets.items()},
    }
    needed = references.of(wanted.model, wanted.files)
    return compose_file.interpolate(wanted, {each: given[each] for each in needed if each in given}), wanted.files


def own(settings: Environment, tag: str) -> dict[str, str]:
    """The variables that Tagship gives every Compose file."""
    return {"TAGSHIP_SHA": tag, "TAGSHIP_ENVIRONMENT": settings.name, "TAGSHIP_URL": settings.url}


def _reporting(resolved: Resolution, settings: Environment, version: Version) -> Resolution:
    """Add the variables that Sentry's SDKs read, if Sentry is configured. Accessories don't get them."""
    if settings.sentry is None:
        return resolved
    names = sentry_variables(resolved.place, version.tag)
    return replace(resolved, model=with_environment(resolved.model, names))


def of_services(  # noqa: PLR0913 - what a configuration consists of
    settings: Environment,
    sources: Sources,
    services: tuple[str, ...],
    tag: str,
    folder: Path,
    *,
    recorded: Mapping[str, str] | None = None,
) -> Resolution:
    """Give every variable its value. Raises ConfigError with each name that has none, before any connection is made.

    `recorded`: the values that a release had when it was deployed; they override today's.
    """
    place = settings.place
    wanted = selection.select(sources, services)
    needed = references.of(wanted.model, wanted.files)
    ours, plain = own(settings, tag), variables.read(settings.variables, folder)
    if recorded is None:
        values = collected.read(settings, needed, folder, plain, ours)
        notes = check.refuse(check.problems(values, settings, datetime.now(UTC)), settings)
    else:  # a rollback brings back what ran, whatever is found fault with today
        values = collected.read(settings, needed, folder, {}, {**plain, **recorded, **ours})
        notes = check.refuse(check.absent(values, settings), settings)
    given, secrets = values.plain, values.secrets
    files = _secret_files(wanted, folder)
    known = {name: value for name, value in given.items() if name in needed}
    # an empty secret needs no hiding, and Compose must see that `${NAME:-x}` is empty
    model = compose_file.interpolate(
        wanted, known | {n: redaction.marker(n) if value else "" for n, value in secrets.items()}
    )
    taken = {name: Secret(given[name]) for name in markers.named(wanted.model) if name in given}
    # values of Compose secrets aren't stored, even if a variables file defines them
    stored = (name for name in needed if name not in taken and not name.startswith("TAGSHIP_"))
    kept = {name: given[name] for name in stored if name in given}
    every = secrets | taken | files
    origins = {**_secret_paths(wanted), **{n: values.stored[n].origin for n in secrets}}
    origins |= {n: file for n, file in variables.origins(settings.variables, folder).items() if n in kept or n in taken}
    return Resolution(place, model, wanted.files, every, kept, notes, origins)


def _secret_paths(sources: Sources) -> dict[str, str]:
    items = (sources.model.get("secrets") or {}).items()
    return {markers.file_secret(key): str(item["file"]) for key, item in items if "file" in item}


def _secret_files(sources: Sources, folder: Path) -> dict[str, Secret]:
    """The content of the secret files that the Compose file names. It is read now and never stored."""
    items = (sources.model.get("secrets") or {}).items()
    try:
        return {
            markers.file_secret(key): Secret((folder / item["file"]).read_bytes().decode())
            for key, item in items
            if "file" in item
        }
    except OSError as error:
        raise ConfigError(f"A secret's file can't be read: {error.filename}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(
            "A secret's file isn't text, and Compose accepts only text.",
            hint="encode it in base64, and decode it in the app",
        ) from None


def sentry_variables(place: Place, tag: str) -> dict[str, str]:
    """A release and its environment, in the variables that Sentry's SDKs read."""
    return {"SENTRY_RELEASE": f"{place.app}@{tag}", "SENTRY_ENVIRONMENT": place.environment}


def with_environment(model: Model, variables: Mapping[str, str]) -> dict[str, Any]:
    """Add variables to every service that doesn't set them itself."""
    services = {
        name: {**service, "environment": {**variables, **(service.get("environment") or {})}}
        for name, service in model["services"].items()
    }
    return {**model, "services": services}
