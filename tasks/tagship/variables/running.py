"""Lists what a release runs with: its variables and secrets, what gave them, and which changed since the one before."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tagship.project.schema import Environment
from tagship.release import markers, references, selection, usage
from tagship.release.markers import Model
from tagship.release.model import Configuration, Record
from tagship.reporting import redaction
from tagship.variables import files as variables
from tagship.variables import resolve
from tagship.variables.check import SECRET

COMPOSE, DEFAULT, TAGSHIP = "the Compose file", "a default in the Compose file", "Tagship"
"""Origins that are neither a file nor a store."""
_PASSWORD = re.compile(
    r"(?P<user>://[^/\s:@]*:)(?!⟦)\S+@"  # up to the last @, for a password may have one, and a / too
    r"|(?P<scheme>://)[^/\s:@]{16,}@"  # a token in a user's place
    r"|(?P<key>(?i:(?:password|passwd|pwd|secret|token|access_?key|api_?key)=))(?!⟦)[^;&\s]+"
)
"""Passwords in what isn't a secret as a whole: URLs, and lists of key=value."""


@dataclass(frozen=True)
class Variable:
    """One variable of a release's services, or a name that the Compose file refers to."""

    name: str
    origin: str
    """The file, the store's URI, or words such as `the Compose file`; empty if the record doesn't have it."""
    services: tuple[str, ...]
    """The services that use it."""
    value: str | None = None
    """None for a secret and for what looks like one; a secret inside a value is `⟦NAME⟧`."""
    secret: bool = False
    """Whether the value is hidden."""
    change: str = ""
    """Since the release before: `new`, `changed`, `gone`, or empty."""
    before: str | None = None
    """The value before, if it changed and isn't hidden."""


@dataclass(frozen=True)
class Variables:
    """What a release runs with."""

    environment: str
    release: str
    before: str
    """The release before, with which it is compared; empty if there is none, or no record of it."""
    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class _Use:
    """What one service gets under one name."""

    origin: str
    value: str | None
    """With `⟦NAME⟧` for secrets; None for a default, which the Compose file has where it is used."""
    print: str
    """Differs if the value or a secret in it differs."""

    def hidden(self, name: str) -> bool:
        """Whether the value is a secret, or looks like one by its name."""
        value = self.value or ""
        secrets = markers.secret_names(value)
        return value in map(redaction.marker, secrets) or bool(value and not secrets and SECRET.search(name))

    def shown(self, name: str) -> str | None:
        """The value, unless it is hidden."""
        return None if self.value is None or self.hidden(name) else without_passwords(self.value)


def without_passwords(text: str) -> str:
    """A value without the passwords and tokens in its URLs, and in its key=value pairs."""
    return _PASSWORD.sub(
        lambda found: f"{found['user'] or found['scheme'] or found['key']}⟦hidden⟧{'' if found['key'] else '@'}", text
    )


_Uses = dict[tuple[str, str], _Use]
"""By name and service."""


def of(settings: Environment, key: bytes, now: tuple[str, Record], before: tuple[str, Record | None]) -> Variables:
    """What a recorded release runs with, compared to the one before. Each is its name and record.

    Raises ConfigError if the record is too old to have it.
    """
    (name, record), (earlier, former) = now, before
    uses = _uses(settings, name, record, key)
    if former is None or former.configuration is None:
        return Variables(settings.name, name, "", _merged(uses, uses))
    return Variables(settings.name, name, earlier, _merged(uses, _uses(settings, earlier, former, key)))


def _uses(settings: Environment, name: str, record: Record, key: bytes) -> _Uses:
    """What each service of a recorded release gets."""
    found, kept = record.release, record.configuration or Configuration()
    model, files = resolve.recorded_model(settings, record, name, key)
    sentry = resolve.sentry_variables(settings.place, found.version.tag) if settings.sentry else {}
    model = resolve.with_environment(model, sentry)
    needs = usage.usage(found.sources, found.shape).services
    ours = resolve.own(settings, found.version.tag)
    uses: _Uses = {}
    for service, resolved in model["services"].items():
        referred = {each: _referred(each, kept, ours) for each in needs[service]}
        uses |= {(each, service): use for each, use in referred.items()}
        written = found.sources.model["services"][service]
        for each, value in (resolved.get("environment") or {}).items():
            text = str("" if value is None else value).replace("$$", "$")
            origin = _origin(each, written, files, referred)
            uses[each, service] = _Use(TAGSHIP if each in sentry and not origin else origin, text, _print(text, kept))
        uses |= {(each, service): use for each, use in _secret_files(written, found.sources.model, kept)}
    return uses


def _referred(name: str, kept: Configuration, ours: Mapping[str, str]) -> _Use:
    """What the Compose file gets for a name that it refers to."""
    if name in ours:
        return _Use(TAGSHIP, ours[name], ours[name])
    if name in kept.secrets:
        marker = redaction.marker(name)
        return _Use(kept.origins.get(name, ""), marker, _print(marker, kept))
    if name in kept.variables:
        return _Use(kept.origins.get(name, ""), kept.variables[name], kept.variables[name])
    return _Use(DEFAULT, None, "")


def _origin(name: str, written: Model, files: Mapping[str, str], referred: Mapping[str, _Use]) -> str:
    """What sets a variable of a service: what gives the name it passes on, the Compose file itself, or an env_file."""
    if name in (environment := written.get("environment") or {}):
        one = {"services": {"": {"environment": {name: environment[name]}}}}
        return referred[name].origin if name in references.of(one, {}) else COMPOSE
    paths = [item["path"] for item in written.get("env_file") or ()]
    return next((path for path in reversed(paths) if name in variables.names(files.get(path, ""))), "")


def _secret_files(written: Model, model: Model, kept: Configuration) -> Iterator[tuple[str, _Use]]:
    """The secret files that a service mounts."""
    items = model.get("secrets") or {}
    for key in map(selection.source_name, written.get("secrets") or ()):
        if path := (items.get(key) or {}).get("file"):
            yield key, _Use(str(path), redaction.marker(key), kept.secrets.get(markers.file_secret(key), ""))


def _print(text: str, kept: Configuration) -> str:
    return "\n".join((text, *(kept.secrets.get(name, "") for name in sorted(markers.secret_names(text)))))


def _merged(now: _Uses, before: _Uses) -> tuple[Variable, ...]:
    """A row for each name and change, with all services that have it so; by origin, then by name."""
    rows: dict[Variable, list[str]] = {}
    for name, service in sorted({*now, *before}):
        use, former = now.get((name, service)), before.get((name, service))
        rows.setdefault(_row(name, use, former), []).append(service)
    merged = (replace(row, services=tuple(services)) for row, services in rows.items())
    return tuple(sorted(merged, key=lambda row: (not row.origin, row.origin, row.name)))


def _secrets(use: _Use) -> frozenset[str]:
    return frozenset(markers.secret_names(use.value or ""))


def _row(name: str, use: _Use | None, former: _Use | None) -> Variable:
    now = use or former
    assert now  # noqa: S101 - one of both has it
    change = "gone" if use is None else "new" if former is None else "changed" if use.print != former.print else ""
    # a value that has become a secret, or has one in it now, may still be the one of before
    secret = now.hidden(name) or (former and _secrets(now) - _secrets(former))
    before = former.shown(name) if former and change in {"changed", "gone"} and not secret else None
    value = use.shown(name) if use else None
    return Variable(name, now.origin, (), value, now.hidden(name), change, before)
