"""Decides which services of a Compose file make up a release, as tagship.yml says."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tagship.errors import ConfigError
from tagship.project.migration_settings import MigrationSettings
from tagship.project.schema import ReleaseSettings, Settings
from tagship.release.findings import Where, nowhere, writes
from tagship.release.model import Migrations, Route, Shape, replicas

_SQLITE = re.compile(
    r"(^|:?-|jdbc:)sqlite|\.sqlite3?(\?\S*)?}?$|(^|[^/:])/[^/@\s]+\.db3?}?$",  # .db alone may end a host's name
    re.MULTILINE,
)
_DJANGO = "python manage.py"

Problem = tuple[tuple[str, ...], str, str]
"""The setting's keys, what is wrong, and what to do about it."""


def shape(settings: Settings, services: Mapping[str, Any], where: Where = nowhere) -> Shape:
    """The services and routes of a release. Raises ConfigError with everything that doesn't fit, and where it stands.

    A service with a profile is in no release unless tagship.yml names it.
    """
    release = settings.release
    built = (
        n for n, s in services.items() if s.get("build") and not s.get("profiles") and n not in release.accessories
    )
    ours = release.services or tuple(built)
    routes, problems = _routes(settings.routes)
    routes, wrong = _with_assets(routes, settings.assets)
    problems += wrong
    problems += [
        *_unknown(release, ours, services),
        *_contradictions(release, ours, services),
        *_misrouted(ours, routes),
    ]
    if problems:
        lines = [f"{where(*keys)}{text}" for keys, text, _ in problems]
        raise ConfigError("\n".join(lines), hint="; ".join(dict.fromkeys(hint for *_, hint in problems)))
    return Shape(
        services=tuple(sorted(ours)),
        routes=tuple(routes),
        accessories=tuple(sorted(release.accessories)),
        singletons=release.singletons if "singletons" in release.model_fields_set else _exclusive(ours, services),
        migrations=_migrations(release.migrations) if release.migrations else None,
        recreate=release.recreate,
    )


def _exclusive(ours: Iterable[str], services: Mapping[str, Any]) -> tuple[str, ...]:
    """The services that are stop-first unless tagship.yml says otherwise."""
    return tuple(name for name in ours if replicas(services[name]) == 1 and keeps_sqlite(services[name]))


def keeps_sqlite(settings: Mapping[str, Any]) -> bool:
    """Whether a service's variables name an SQLite file, and it writes to a volume, where that file must be."""
    given = settings.get("environment") or {}
    values = given.values() if isinstance(given, Mapping) else (str(line).partition("=")[2] for line in given)
    return any(map(writes, settings.get("volumes") or ())) and bool(_SQLITE.search("\n".join(map(str, values))))


def _routes(given: Mapping[str, str]) -> tuple[list[Route], list[Problem]]:
    routes: list[Route] = []
    problems: list[Problem] = []
    for path, target in given.items():
        try:
            routes.append(Route.parse(path, target))
        except ConfigError as error:
            problems.append((("routes", path), error.problem, error.hint))
    return routes, problems


def _with_assets(routes: list[Route], given: Mapping[str, str]) -> tuple[list[Route], list[Problem]]:
    """The routes, and one for each path with assets, to the port at which its service answers already."""
    by_path = {route.path: route for route in routes}
    problems: list[Problem] = []
    for path, target in given.items():
        service, _, folder = target.partition(":")
        around = [r for r in routes if r.path == path or (r.path.endswith("*") and path.startswith(r.path[:-1]))]
        best = max(around, key=lambda route: len(route.path), default=None)
        wrong, hint = "", ""
        if not path.startswith("/") or not path.endswith("/*") or not folder.startswith("/") or folder == "/":
            wrong, hint = f"are {target!r}", "write it as /PATH/*: SERVICE:/FOLDER"
        elif best is None or best.service != service:
            wrong, hint = f"are of {service!r}, which has no route there", f"route {path} to {service}"
        if wrong or best is None:
            problems.append((("assets", path), f"The assets {path} {wrong}.", hint))
        else:
            by_path[path] = replace(best, path=path, assets=folder.rstrip("/"))
    return list(by_path.values()), problems


def _unknown(release: ReleaseSettings, ours: tuple[str, ...], services: Mapping[str, Any]) -> Iterator[Problem]:
    migrating = [release.migrations.service] if release.migrations else []
    named = {"services": ours, "accessories": release.accessories, "singletons": release.singletons}
    seen = set[str]()
    for key, names in {**named, "migrations": migrating}.items():
        for name in names:
            if name not in services and name not in seen:
                seen.add(name)
                keys = ("release", key, "service") if key == "migrations" else ("release", key)
                yield keys, f"The Compose file has no service {name!r}.", f"use one of: {', '.join(services)}"


def _contradictions(release: ReleaseSettings, ours: tuple[str, ...], services: Mapping[str, Any]) -> Iterator[Problem]:
    if both := set(ours) & set(release.accessories):
        text = f"{', '.join(sorted(both))} can't be both a service and an accessory of the release."
        yield ("release", "accessories"), text, "remove it from one of the two"
    for name in release.singletons:
        if (count := replicas(services.get(name) or {})) > 1:
            yield (
                ("release", "singletons"),
                f"{name} never runs twice, but has {count} replicas.",
                "remove it from singletons, or its replicas",
            )


def _misrouted(ours: tuple[str, ...], routes: Iterable[Route]) -> Iterator[Problem]:
    for route in routes:
        if route.service not in ours:
            yield (
                ("routes", route.path),
                f"The route {route.path} goes to {route.service!r}, which isn't a service of the release.",
                f"route to one of: {', '.join(ours)}",
            )


def _migrations(settings: MigrationSettings) -> Migrations:
    """The settings, completed with the framework's own commands."""
    django = settings.framework == "django"
    apply = tuple(shlex.split(settings.apply or (f"{_DJANGO} migrate --no-input" if django else "")))
    manage = apply[: apply.index("migrate")] if django and "migrate" in apply else ()
    return Migrations(
        service=settings.service,
        framework=settings.framework,
        pending=tuple(shlex.split(settings.pending or (f"{_DJANGO} showmigrations --plan" if django else ""))),
        apply=apply,
        lock_timeout=settings.lock_timeout,
        statement_timeout=settings.statement_timeout,
        lock_retries=settings.lock_retries,
        lock_retries_within=settings.lock_retries_within,
        django_shell=(*manage, "shell", "-c") if manage else (),
        list=tuple(shlex.split(settings.list_)),
        reverse=tuple(shlex.split(settings.reverse)),
        sql=tuple(shlex.split(settings.sql)),
        compatible=settings.compatible,
    )


def console(settings: Settings) -> dict[str, list[str]]:
    """Service → the command of its console, as tagship.yml says; for Django, its shell."""
    if settings.console:
        return {service: shlex.split(command) for service, command in settings.console.items()}
    how = _migrations(settings.release.migrations) if settings.release.migrations else None
    return {how.service: list(how.django_shell[:-1])} if how and how.django_shell else {}
