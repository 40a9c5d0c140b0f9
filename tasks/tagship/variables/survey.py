"""Surveys an environment: the names that its Compose file needs, what gives them, what uses them, and what is wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tagship.project.schema import Config, Environment
from tagship.release import selection, usage
from tagship.release.identity import keyed
from tagship.release.model import Sources
from tagship.release.references import Need
from tagship.release.shape import shape
from tagship.release.usage import Usage
from tagship.reporting.table import since
from tagship.source import compose_file, git
from tagship.system.parallel import beside
from tagship.variables import check, files, values
from tagship.variables.check import Problem, What
from tagship.variables.secrets import Given
from tagship.variables.values import Values

_SHORT = 12
_MISSING = (What.MISSING, What.SHELL)


@dataclass(frozen=True)
class Row:
    """One secret without its value."""

    name: str
    origin: str = ""
    """The store's URI; empty if nothing gives it a value."""
    version: str = ""
    changed: datetime | None = None
    users: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The version, or the beginning of a long one."""
        return self.version if len(self.version) <= _SHORT else self.version[:8]

    @property
    def age(self) -> str:
        """How long ago it was changed, in words; empty if the store doesn't know."""
        return since((datetime.now(UTC) - self.changed).total_seconds()) if self.changed else ""

    def as_json(self) -> dict[str, object]:
        """The same, with the time as ISO 8601."""
        changed = self.changed.isoformat(timespec="seconds") if self.changed else None
        return {
            "name": self.name, "origin": self.origin, "version": self.version, "changed": changed, "users": self.users
        }  # fmt: skip


@dataclass(frozen=True)
class Survey:
    """The names of services and accessories with their values, and the secrets of builds with theirs."""

    running: Values
    building: Values
    used: Usage
    problems: tuple[Problem, ...]

    @property
    def secrets(self) -> dict[str, Given]:
        """Each secret that counts, and where it comes from."""
        found = {name: self.running.stored[name] for name in self.running.secrets}
        return {name: self.building.stored[name] for name in self.building.secrets} | found

    @property
    def missing(self) -> frozenset[str]:
        """Names that have no value anywhere, and need one."""
        return frozenset(name for problem in self.problems if problem.what in _MISSING for name in problem.names)

    def rows(self) -> list[Row]:
        """All secrets by origin and name, and then the names that have no value."""
        rows = [self._row(name) for name in self.secrets.keys() | self.missing]
        return sorted(rows, key=lambda row: (not row.origin, row.origin, row.name))

    def _row(self, name: str) -> Row:
        given = self.secrets.get(name)
        users = tuple(self.used.users(name))
        return Row(name, given.origin, given.found.version, given.changed, users) if given else Row(name, users=users)


def used(settings: Environment, folder: Path) -> tuple[Sources, Usage]:
    """The Compose file of the work tree, and what in it needs which names. Raises ConfigError, SourceError."""
    version = git.version(dirty=True, folder=folder)
    sources = compose_file.sources(settings.compose, folder, lambda: git.files(version, folder), settings.app)
    return sources, usage.usage(sources, shape(settings, sources.model["services"]))


def survey(config: Config, settings: Environment, folder: Path) -> Survey:
    """Read the work tree's Compose file, and ask the stores. Raises ConfigError, SecretsError, SourceError."""
    sources, uses = used(settings, folder)
    own = {"TAGSHIP_SHA": "a SHA", "TAGSHIP_ENVIRONMENT": settings.name, "TAGSHIP_URL": settings.url}
    plain = files.read(settings.variables, folder)
    secret = dict.fromkeys(usage.build_secrets(sources), Need.SET)
    running, building = beside(
        lambda: values.read(settings, uses.running, folder, plain, own),
        lambda: values.read(config, secret, folder, {}, {}),
    )
    now = datetime.now(UTC)
    problems = [*check.problems(running, settings, now), *check.problems(building, config, now)]
    known = {**files.read(config.variables, folder), "TAGSHIP_SHA": "a SHA"}
    problems += check.build_arguments(selection.build_part(sources).model, known, config)
    return Survey(running, building, uses, tuple(dict.fromkeys(problems)))


def compared(first: Survey, second: Survey, names: tuple[str, str], key: bytes) -> dict[str, str]:
    """Name → `same`, `different`, or `only in NAME`, for each name that is a secret in one of both environments."""

    def hashes(found: Survey) -> dict[str, str]:
        known = {name: found.running.get(name) or "" for name in (*found.running.plain, *found.running.secrets)}
        known |= {name: value.reveal() for name, value in found.building.secrets.items()}
        return {name: keyed(key, value) for name, value in known.items()}

    left, right = hashes(first), hashes(second)
    result = {}
    for name in sorted(first.secrets.keys() | second.secrets.keys()):
        if name not in left or name not in right:
            result[name] = f"only in {names[name in right]}"
        else:
            result[name] = "same" if left[name] == right[name] else "different"
    return result
