"""Proposes a project's first files for Tagship: what is in them, what was guessed, and what is left to fill in."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tagship.errors import ConfigError
from tagship.project import file as config_file
from tagship.setup import compose, dockerfile, overlay, places, remaining, settings_text, toolchains, variables_text
from tagship.setup.compose import Compose
from tagship.setup.draft import Change, Draft, Project
from tagship.setup.places import Places
from tagship.setup.settings_text import Contents, Local, Remote
from tagship.setup.toolchains import Migrations, Suite
from tagship.setup.values import Values
from tagship.setup.variables_text import Given
from tagship.source import git

OVERLAY = "docker-compose.deploy.yml"
TASKS = "tasks.py"
_TASKS = '"""The tasks of Tagship, for `inv`."""\n\nfrom tagship import namespace\n\n__all__ = ["namespace"]\n'
_EDGE_PORTS = (8880, 8808, 8088)
"""Rarely another program's, and the same for every app, because all apps of an engine share one edge."""


@dataclass(frozen=True)
class Answers:
    """What only a person knows."""

    app: str
    staging: str = f"staging.{remaining.NOWHERE}"
    production: str = f"www.{remaining.NOWHERE}"


@dataclass(frozen=True)
class Proposal:
    """What `init` would write and say."""

    read: str
    files: dict[str, str]
    """Name → content."""
    changes: list[Change]
    guesses: list[str]
    todo: list[str]


def default_name(folder: Path) -> str:
    """An application's name from its folder's."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:32].strip("-")
    return slug or "app"


def propose(folder: Path, answers: Answers) -> Proposal:
    """Read a project and propose its files. Raises ConfigError if there is nothing to ship in it."""
    found, made_up = _compose(folder, answers.app)
    made = {n: m for n, s in found.services.items() if (m := dockerfile.of_service(s, folder))}
    tracked = git.tracked(folder)
    project = Project(folder, found, made, tracked or frozenset())
    placed = places.place(found.services, {name: file for name, (_, file) in made.items()})
    given = variables_text.given(project)
    values = Values()
    draft = overlay.draft(project, placed, values, given.values)
    files = _compose_files(found, made_up, draft)
    needed = variables_text.needed(folder, found, files.get(OVERLAY, ""))
    written, todo = variables_text.files(values, needed, given)
    files |= written
    suites = [s for n in placed.services if n in made for s in _suites(project, n)]
    migrations, told = _migrations(project, placed)
    health, where = _health(project, placed)
    environments = _environments(answers, found, given, written)
    compose_files = [*found.files, *([OVERLAY] if OVERLAY in files else [])]
    files[config_file.FILE] = settings_text.text(
        Contents(answers.app, compose_files, placed, suites, migrations, health, environments, _root(project, placed))
    )
    files[TASKS] = _TASKS
    guesses = [*_files(folder), *placed.guesses, *told, *_guesses(placed, suites, health, where)]
    return Proposal(
        _read(found, placed, made_up),
        files,
        draft.changes,
        guesses=[*guesses, *remaining.left_out(found, placed)],
        todo=[
            *remaining.refused(folder, files, answers.app),
            *draft.todo,
            *todo,
            *remaining.installs(suites),
            _commit(folder, files, new=tracked is None),
            *remaining.steps(placed, unnamed=remaining.NOWHERE in f"{answers.staging} {answers.production}"),
        ],
    )


def _environments(answers: Answers, found: Compose, given: Given, written: Container[str]) -> str:
    """The text of the environments: staging and production on servers, and this machine."""
    return settings_text.environments(
        (
            Remote("staging", "staging", *_addresses(answers.staging)),
            Remote("production", "main", *_addresses(answers.production)),
        ),
        Local(
            f"{answers.app}.localhost:{_port(found)}",
            (*given.variables, *([variables_text.LOCAL] if variables_text.LOCAL in written else [])),
            tuple(f"dotenv://{name}" for name in given.secrets),
        ),
        written,
    )


def _compose_files(found: Compose, made_up: str, draft: Draft) -> dict[str, str]:
    """The overlay, if a deploy changes something; if the Compose file is made up, that has the changes itself."""
    if made_up:
        return {found.files[0]: made_up + "".join(f"{line}\n" for line in overlay.of_service(draft, "web"))}
    changed = overlay.text(draft, found.files)
    return {OVERLAY: changed} if changed else {}


def _commit(folder: Path, files: Iterable[str], *, new: bool) -> str:
    """The step that commits the files. Of those that git ignores, only the servers' variables are in it."""
    ignored = git.ignored(files, folder)
    forced = sorted(name for name in ignored if name in variables_text.SHARED)
    names = sorted({*files} - ignored)
    more = f" && git add -f {' '.join(forced)}" if forced else ""
    return (
        f"{'git init && ' if new else ''}git add {' '.join(names)}{more} && git commit: what is deployed is a commit."
    )


def _files(folder: Path) -> Iterator[str]:
    choice = compose.find(folder)
    if len(choice.files) > 1:
        yield f"A server runs {' with '.join(choice.files)}: correct `compose` if that isn't meant."
    if choice.left_out:
        yield f"{', '.join(choice.left_out)} is for development, so a deploy doesn't read it."


def _guesses(placed: Places, suites: Iterable[Suite], health: str, where: str) -> Iterator[str]:
    if health:
        yield f"The smoke test asks {health}, which stands in {where}."
    elif placed.routes:
        yield "The smoke test asks /, and expects 200: name a better check under `smoke`."
    for suite in suites:
        if not suite.lacking:
            yield f"{suite.component}: `{' && '.join(suite.run)}` as its {suite.kind} ({suite.why})."


def _compose(folder: Path, app: str) -> tuple[Compose, str]:
    """The project's Compose files; if it has only a Dockerfile, one made of that, and its text. Raises ConfigError."""
    if files := compose.find(folder).files:
        return compose.read(folder, files, app), ""
    path = folder / "Dockerfile"
    if not path.is_file():
        raise ConfigError(
            "There is neither a Compose file nor a Dockerfile here.",
            hint="run this in your project, or write a Dockerfile first: https://docs.docker.com/reference/dockerfile/",
        )
    port = dockerfile.parse(path.read_text(errors="replace")).port
    published = f'    ports: ["{port}:{port}"]\n' if port else ""
    text = f"# Written by `tagship init` from the Dockerfile.\nservices:\n  web:\n    build: .\n{published}"
    service = {"build": {"context": "."}, **({"ports": [f"{port}:{port}"]} if port else {})}
    return Compose(("docker-compose.yml",), {"name": app, "services": {"web": service}}), text


def _read(found: Compose, placed: Places, made_up: str) -> str:
    what = "Dockerfile" if made_up else ", ".join(found.files)
    parts = [(placed.services, "in the release"), (placed.accessories, "accessories"), (placed.unplaced, "left out")]
    told = "; ".join(f"{', '.join(names)} ({kind})" for names, kind in parts if names)
    return f"Read {what}: {told}."


def _suites(project: Project, name: str) -> list[Suite]:
    context, file = project.made[name]
    copied = (
        toolchains.requirements(context) if "requirements" in file.installs or "pip install ." in file.installs else ""
    )
    return toolchains.suites(name, context, project.folder, f"{file.installs}\n{copied}")


def _migrations(project: Project, placed: Places) -> tuple[tuple[str, Migrations] | None, list[str]]:
    for name in placed.services:
        context = project.made[name][0] if name in project.made else None
        if context is None:
            continue
        if how := toolchains.migrations(context):
            if not placed.accessories and how.name == "Django":
                managed = f"release.migrations: {{service: {name}, framework: django}}"
                return None, [
                    f"{name} has Django's migrations, but no service is a database. If it is managed, add {managed}."
                ]
            tried = how.name in {"Django", "Alembic"}
            untried = "" if tried else " Its commands are untried: Tagship's docs/migrations.md."
            return (name, how), [f"{name} has {how.name}'s migrations, which a deploy applies.{untried}"]
        if other := toolchains.unknown_migrations(context):
            return None, [f"{name} has {other}'s migrations: Tagship's docs/migrations.md says which commands to give."]
    return None, []


def _health(project: Project, placed: Places) -> tuple[str, str]:
    """The path of the health check that `/*` or another route leads to."""
    for path, (service, _) in sorted(placed.routes.items(), key=lambda route: len(route[0])):
        health, where = toolchains.health(project.made[service][0]) if service in project.made else ("", "")
        if health and (path == "/*" or health.startswith(path.removesuffix("*"))):
            return health, where
    return "", ""


def _root(project: Project, placed: Places) -> bool:
    """Whether the service that `/*` leads to says in its sources what `/` answers."""
    service, _ = placed.routes.get("/*", ("", 0))
    return service in project.made and toolchains.answers_root(project.made[service][0])


def _port(found: Compose) -> int:
    taken = {port for settings in found.services.values() for port in compose.published(settings)}
    return next(port for port in (*_EDGE_PORTS, 18080) if port not in taken)


def _addresses(host: str) -> tuple[str, str]:
    """URL and engine of a server."""
    return f"https://{host}", f"ssh://deploy@{host}"
