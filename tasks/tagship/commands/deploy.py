"""`deploy`, `rollback`, `smoke-test` and `ship`: a release into an environment, and back."""

import dataclasses
import json as jsonlib
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict

from invoke.context import Context

from tagship.checks import smoke
from tagship.commands import checks
from tagship.commands.task import DIRTY, DRY_RUN, ENV, JSON, WAIT, task
from tagship.deploy import story as deploys
from tagship.deploy.rollback import choose_rollback, compared
from tagship.deploy.story import Again, Candidate, Choice
from tagship.deploy.target import Observed
from tagship.errors import ConfigError, SourceError
from tagship.github import gate as approval
from tagship.images import commit as images
from tagship.images import digests as releases
from tagship.project.schema import Config, Environment
from tagship.release.model import Action, Record, Release, Version
from tagship.reporting import events, telemetry
from tagship.reporting.progress import Progress
from tagship.server import connection as services
from tagship.server.connection import Opening, Session
from tagship.source import git
from tagship.variables.resolve import Resolved


@task(
    help={
        "env": ENV,
        "sha": "The commit to deploy, any unambiguous prefix; the current one if left out.",
        "dirty": DIRTY,
        "dry-run": DRY_RUN,
        "wait": WAIT,
        "json": JSON,
    }
)
def deploy(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    sha: str = "",
    dirty: bool = False,
    dry_run: bool = False,
    wait: int = 0,
    json: bool = False,
) -> None:
    """Bring an environment to one commit's release, without dropping a request."""
    config = services.config()
    settings = config.environment(env)
    with Progress(quiet=json) as progress, services.connect(config.app, settings) as opening:
        version = releases.version(settings, sha, dirty=dirty)
        options = deploys.Options(progress, wait=wait, dry_run=dry_run, json=json)
        session, choose = _wanted(config, opening, settings, version, options)
        _bring(session, choose, _again(config, settings), options, version.tag)


@task(
    help={
        "env": ENV,
        "to": "The release to go back to, any unambiguous prefix of its SHA; the previous good one if left out.",
        "dry-run": DRY_RUN,
        "wait": WAIT,
        "json": JSON,
    }
)
def rollback(_: Context, env: str = "", to: str = "", dry_run: bool = False, wait: int = 0, json: bool = False) -> None:
    """Go back to the previous good release, with the variables it had: ready, smoke-tested, then switched to."""
    config = services.config()
    settings = config.environment(env)
    progress = Progress(quiet=json)
    again = _again(config, settings)

    def choose(observed: Observed, recorded: deploys.Recorded) -> Candidate:
        for name in choose_rollback(observed, to):
            record = recorded(name)
            if record is None:
                hint = "deploy that commit: tagship deploy --sha …"
                raise SourceError(f"The ledger has no record of {name}.", hint=hint)
            candidate = again(observed, record)
            for line in compared(record.configuration, candidate.rendered.configuration, observed):
                progress.note(f"{name}: {line}")
            if candidate.rendered.name != observed.live:
                return dataclasses.replace(candidate, restores=name)
            progress.note(f"{name} differs from what is live by secrets alone, whose former values nobody keeps")
        raise SourceError("Every release before is what is live.", hint="tagship history shows them")

    with services.connect(config.app, settings) as opening:
        with progress.step(f"Connect to {settings.engine}"):
            session = opening.session()
        options = deploys.Options(progress, action=Action.ROLLBACK, wait=wait, dry_run=dry_run, json=json)
        _bring(session, choose, again, options)


@task(
    help={
        "env": "Which environment; the one whose branch is checked out if left out.",
        "dirty": DIRTY,
        "dry-run": DRY_RUN,
        "wait": WAIT,
        "json": JSON,
    }
)
def ship(
    _: Context, env: str = "", dirty: bool = False, dry_run: bool = False, wait: int = 0, json: bool = False
) -> None:
    """All of it, as CI does on a branch: test, lint, build, push, deploy."""
    config = services.config()
    settings = config.environment(env) if env else _of_branch(config)
    version = releases.version(settings, "", dirty=dirty)
    if not dirty:
        images.refuse_dirty(services.folder())
    found = images.of(settings, config.app, version, services.folder(), repository=services.folder())
    resolved = releases.checked(found, config, settings, images.unbuildable(found, config))
    options = deploys.Options(Progress(quiet=json), wait=wait, dry_run=dry_run, json=json)
    if dry_run:
        _preview_ship(config, settings, found, resolved, options)
        return
    checks.run_all(config)
    # the connection is made while images are built
    with options.progress, services.connect(config.app, settings) as opening, services.local_engine() as engine:
        services.prepare_registry(settings, config.app, engine)
        with options.progress.step(f"Build {version.short}"):
            images.build(found, config, engine)
        digests: Mapping[str, str] = {}
        if found.registry:
            with options.progress.step(f"Push {version.short}"):
                digests = images.push(found, engine)
            events.tell("pushed", tag=version.tag, images=found.references(digests))
        session = _reach(opening, options)
        release = releases.release(found, session.engine, digests)
        _bring(session, _chosen(release, resolved), _again(config, settings), options, version.tag)


@task(
    help={
        "env": ENV,
        "sha": "The commit whose migrations are applied, any unambiguous prefix; the current one if left out.",
        "dry-run": "Only say what is pending.",
        "wait": WAIT,
        "json": JSON,
    }
)
def migrate(_: Context, env: str = "", sha: str = "", dry_run: bool = False, wait: int = 0, json: bool = False) -> None:
    """Apply a commit's pending migrations with its own image, and verify that none is left."""
    config = services.config()
    settings = config.environment(env)
    with Progress(quiet=json) as progress, services.connect(config.app, settings) as opening:
        version = releases.version(settings, sha, dirty=False)
        options = deploys.Options(progress, action=Action.MIGRATE, wait=wait, dry_run=dry_run, json=json)
        if settings.release.migrations is None:
            raise ConfigError("tagship.yml names no migrations.", hint="set release.migrations")
        session, choose = _wanted(config, opening, settings, version, options)
        supervised = nullcontext() if dry_run else approval.supervise(settings, action="migrate", tag=version.tag)
        with supervised:
            done = deploys.migrate(session, choose, services.holder(f"migrate {env}"), options)
    events.tell("migrated", environment=env, applied=done.applied, dry_run=dry_run)
    if json:
        print(jsonlib.dumps(asdict(done)))
    else:
        said = "pending" if dry_run else "applied"
        print("\n".join(f"{said}  {name}" for name in done.applied) or "Nothing is pending.")


@task(
    changes=False,
    trusts=False,
    help={
        "env": ENV,
        "check-in": "The schedule it runs by, five cron fields in UTC: Sentry's monitor APP-smoke-test-ENV is told.",
    },
)
def smoke_test(_: Context, env: str = "", check_in: str = "") -> None:
    """Run the smoke tests of tagship.yml against an environment's URL."""
    config = services.config()
    settings = config.environment(env)
    scheduled = telemetry.checked_in(f"{config.app}-smoke-test-{env}", check_in) if check_in else nullcontext()
    with scheduled, Progress().step(f"Smoke-test {settings.url}"):
        smoke.run(settings.smoke, settings.url, settings.smoke_within)


def _preview_ship(
    config: Config, settings: Environment, found: images.Images, resolved: Resolved, options: deploys.Options
) -> None:
    """What `ship` would do: the suites, the images that are lacking, and the deploy's own plan."""
    with services.connect(config.app, settings) as opening:
        session = _reach(opening, options)
        for kind, suites in (("test", config.test), ("lint", config.lint)):
            if suites:
                print(f"{kind}: {', '.join(suites)}")
        there = found.digests() if found.registry else images.local_ids(found, session.engine)
        if lacking := found.lacking(there):
            print(f"{'build and push' if found.registry else 'build'}: {', '.join(lacking)}")
        release = releases.release(found, session.engine, planned=True)
        _bring(session, _chosen(release, resolved), _again(config, settings), options, found.version.tag)


def _wanted(
    config: Config, opening: Opening, settings: Environment, version: Version, options: deploys.Options
) -> tuple[Session, Choice]:
    """A commit's release with every image resolved to a digest, while the connection to the environment is made."""
    with releases.checkout(version, services.folder()) as folder:
        found = images.of(settings, config.app, version, folder, repository=services.folder())
        resolved = releases.checked(found, config, settings)
    session = _reach(opening, options)
    with options.progress.step(f"Resolve {version.short} to digests"):
        planned = options.dry_run and options.action is Action.DEPLOY
        release = releases.release(found, session.engine, planned=planned)
    return session, _chosen(release, resolved)


def _chosen(release: Release, resolved: Resolved) -> Choice:
    """That release and no other, whatever is observed."""
    return lambda observed, _: Candidate(resolved.rendered(release, observed.key), resolved.secrets)


def _again(config: Config, settings: Environment) -> Again:
    """What a record holds, rendered again."""

    def again(observed: Observed, record: Record) -> Candidate:
        resolved = releases.again(record, config, settings)
        return Candidate(resolved.rendered(record.release, observed.key), resolved.secrets)

    return again


def _reach(opening: Opening, options: deploys.Options) -> Session:
    with options.progress.step("Connect"):
        return opening.session()


def _bring(session: Session, choose: Choice, again: Again, options: deploys.Options, tag: str = "") -> None:
    settings = session.settings
    if options.dry_run:
        plan = deploys.preview(session, choose, options)
        events.tell("plan", environment=settings.name, text=plan)
        print(plan)
        return
    holder = services.holder(f"{options.action} {settings.name}")
    with approval.supervise(settings, action=str(options.action), tag=tag):
        outcome = deploys.rollout(session, choose, again, holder, options)
    events.tell("outcome", action=str(options.action), **asdict(outcome))
    if options.json:
        print(jsonlib.dumps({**asdict(outcome), "steps": dict(options.progress.steps), "calls": session.engine.calls}))
    elif outcome.changed:
        options.progress.total()
        print(f"{settings.name} runs {outcome.release} at {settings.url}")
    else:
        print(f"{settings.name} runs {outcome.release} already: nothing to do.")


def _of_branch(config: Config) -> Environment:
    branch = git.branch(services.folder())
    for settings in config.environments.values():
        if branch and settings.branch == branch:
            return settings
    raise ConfigError(f"No environment has the branch {branch!r}.", hint="name one: --env NAME")
