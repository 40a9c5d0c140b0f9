"""Checks the configuration, as the first step of a deploy does, without reaching anything."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tagship.edge import caddy
from tagship.errors import ConfigError, SourceError, TagshipError
from tagship.images import build, commit
from tagship.images.commit import Images
from tagship.names import Version
from tagship.project.schema import Config, Environment
from tagship.setup import dockerfile, healthchecks
from tagship.setup.report import Check, bad, each, failed, good
from tagship.source import git
from tagship.variables.survey import survey

_SHOWN = 3


def checks(config: Config, environments: Sequence[Environment], folder: Path, *, values: bool) -> Iterator[Check]:
    """Every check of these environments' configuration. `values`: also of variables and secrets that stores give."""
    yield good("tagship.yml", f"is valid: {', '.join(config.environments)}")
    yield from each("commit", lambda: _commit(folder))
    try:
        version = git.version(dirty=True, folder=folder)
    except SourceError:
        return
    told: set[str] = set()
    for settings in environments:
        for check in (*_of(config, settings, version, folder), *_values(config, settings, folder, ask=values)):
            if check.text not in told:
                told.add(check.text)
                yield check


def _commit(folder: Path) -> Iterator[Check]:
    version = git.version(folder=folder)
    if changed := git.changes(folder):
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        text = f"{', '.join(changed[:_SHOWN])}{more}: uncommitted, so no deploy would have it."
        yield bad("commit", text, "commit it, or pass `--dirty`", SourceError)
    else:
        yield good("commit", f"{version.short}, and nothing is uncommitted")


def _of(config: Config, settings: Environment, version: Version, folder: Path) -> Iterator[Check]:
    name = settings.name
    try:
        found = commit.of(settings, version, folder, repository=folder)
    except TagshipError as error:
        yield from failed("compose file", error)
        return
    hint = "change it in an overlay: compose: [a.yml, b.yml]"
    problems = [*found.problems, *build.unbuildable(found, config)]
    yield from (bad("compose file", text, hint, ConfigError) for text in problems)
    if not problems:
        beside = f"; accessories {', '.join(found.shape.accessories)}" if found.shape.accessories else ""
        yield good("compose file", f"{', '.join(settings.compose)}: {', '.join(found.shape.services)}{beside}")
    yield from _healthchecks(found)
    yield from each("url", lambda: _url(settings))
    if not found.shape.routes:
        yield good("routes", f"{name} has none, so nothing answers requests")


def _url(settings: Environment) -> Iterator[Check]:
    caddy.refuse_unreachable(settings.url, settings.edge)
    yield good("url", f"{settings.url}: the edge has a port for it")


def _healthchecks(found: Images) -> Iterator[Check]:
    services = found.sources.model["services"]
    routed = {route.service for route in found.shape.routes}
    fine = []
    for name in (*found.shape.services, *found.shape.accessories):
        settings = services[name]
        made = dockerfile.of_service(settings, found.folder)
        own = made[1].last("HEALTHCHECK") if made else ""
        why = healthchecks.of_service(settings) or (healthchecks.hollow(own.partition("CMD")[2].strip()) if own else "")
        if why:
            todo = "write one that asks the program itself, such as a request to its health path"
            yield bad("healthcheck", f"{name}: {why}, so a broken release would go live.", todo, ConfigError)
        elif settings.get("healthcheck") or own:
            fine.append(name)
        elif name in routed and made:
            text = f"{name} has a route and no healthcheck, so Tagship can't tell when it is ready."
            yield bad("healthcheck", text, "give it one in the Compose file or the Dockerfile", ConfigError)
    if fine:
        yield good("healthcheck", f"asks something in {', '.join(fine)}")


def _values(config: Config, settings: Environment, folder: Path, *, ask: bool) -> Iterator[Check]:
    """Variables and secrets; those of servers only if asked, because their stores may be far away."""
    if not ask and settings.engine != "local":
        return

    def surveyed() -> Iterator[Check]:
        found = survey(config, settings, folder)
        refused = [problem for problem in found.problems if problem.refuses]
        todo = f"see `tagship secrets.check --env {settings.name}`"
        yield from (bad("variables", problem.text, todo, ConfigError) for problem in refused)
        if not refused:
            yield good("variables", f"{settings.name} has every value that the Compose file needs")

    yield from each("variables", surveyed)
