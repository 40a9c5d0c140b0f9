"""Builds the orders for `deploy`, `rollback`, `ship` and `migrate`, and runs them."""

import dataclasses
import json as jsonlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from tagship.commands.task import SKIP
from tagship.deploy import planning, story
from tagship.deploy.canary import Terms, lasting
from tagship.deploy.candidate import Again, Candidate, Choice
from tagship.deploy.companion import Companion, Companions
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order
from tagship.deploy.rollout import Patience
from tagship.errors import CheckError, ConfigError
from tagship.github import deployments, gate
from tagship.images import commit, digests
from tagship.images.registry import UnreachableRegistryError
from tagship.names import Holder, Version
from tagship.project import here
from tagship.project.beside_settings import HookSettings
from tagship.project.schema import Config, Environment
from tagship.proof.ledger import Action
from tagship.release.model import Record, Release
from tagship.reporting import events, report, table
from tagship.reporting.progress import Progress
from tagship.server.connection import Opening
from tagship.server.lock import holder
from tagship.server.migration import BackUp
from tagship.server.session import Session
from tagship.source import checkout, git
from tagship.system import direct
from tagship.system.parallel import ahead
from tagship.variables import resolve
from tagship.variables.resolve import Resolution

NO_BACKUP = "TAGSHIP_ALLOW_NO_BACKUP"
"""Names an environment with `approval: required` that may be migrated without a backup."""


@dataclass(frozen=True)
class RunOptions:
    """How a task runs and what it prints."""

    progress: Progress
    wait: float = 0
    dry_run: bool = False
    json: bool = False
    backup: str = ""
    """`skip` for no backup before migrating."""
    explain: bool = False
    """Print the plan as a script of docker commands, and change nothing."""
    before: tuple[str, ...] = ()
    """What a plan begins with."""


def meant(settings: Environment, sha: str, *, dirty: bool) -> Version:
    """The version to deploy. Raises SourceError, or ApprovalError if it may not be deployed there."""
    digests.handed_over()  # which may be no JSON
    found = checkout.version(settings, sha, here.folder(), dirty=dirty)
    gate.refuse_unreviewed(here.folder(), found.sha)
    return found


def released(  # noqa: PLR0913 - a deploy's
    opening: Opening,
    settings: Environment,
    version: Version,
    progress: Progress,
    *,
    planned: bool,
    printed: Callable[[], str] | None = None,
) -> tuple[Session, Release, Resolution]:
    """A commit's release with every image resolved to a digest, the session, and its resolved Compose file.

    `planned`: use placeholders for images that aren't built yet. `printed` gives what Compose prints of the work tree's
    files, if it was asked before.
    """
    work_tree = here.folder()
    with checkout.checkout(version, work_tree) as folder:
        found = commit.of(
            settings, version, folder, repository=work_tree, printed=printed if folder == work_tree else None
        )
        known = ahead(partial(digests_to_plan_with, settings, found) if planned else found.digests)
        resolved = commit.checked(found, settings, here.folder())
    tell(resolved, progress)
    session = reach(opening, progress)
    with progress.step(f"Resolve {version.short} to digests"):
        release = digests.release(found, session.engine, known, planned=planned)
    return session, release, resolved


def tell(resolved: Resolution, progress: Progress) -> None:
    """Print what is wrong with the variables and secrets; never refuse the deploy."""
    for line in resolved.notes:
        progress.note(line)


def order(settings: Environment, action: Action, choose: Choice, hold: float = 0, canary: Terms | None = None) -> Order:
    """The order that a task gives, with the current user as the lock's holder.

    `hold`: seconds in which people may look at the candidate and decide. `canary`: its share of all visitors.
    """
    release = settings.release
    return Order(
        settings.name,
        settings.url,
        action,
        holder(", ".join(_doing(settings, action, hold, canary))),
        choose,
        again(settings),
        Patience(release.drain_within, release.bake.for_, settings.keep, hold, canary),
        remark="unprotected, by override" if os.environ.get(gate.ALLOW) == settings.name else "",
        drilled_since=_drilled_since(settings),
    )


def _doing(settings: Environment, action: Action, hold: float, canary: Terms | None) -> Iterator[str]:
    """What others read about it while it has the lock; it begins with the action."""
    yield f"{action} {settings.name}"
    if hold:
        yield f"held for {lasting(hold)} at most"
    if canary:
        yield f"a canary of {canary}"


def _drilled_since(settings: Environment) -> str:
    oldest = settings.backups.drill.max_age if settings.backups else 0
    return (datetime.now(UTC) - timedelta(seconds=oldest)).isoformat(timespec="seconds") if oldest else ""


def bring(session: Session, what: Order, how: RunOptions, tag: str = "") -> None:
    """Run the order, or print its plan, and print the result."""
    settings, action, what = session.settings, str(what.action), without(how.backup, what)
    companion = companions(session, what.holder, how.progress)
    direct.refuse_proxy(settings.url)
    if how.explain:
        from tagship.commands.explaining import explained

        report.plan(explained(session, what, how.progress), json=how.json)
        return
    if how.dry_run:
        with session.looked_at() as looked_at:
            plan = planning.preview(looked_at, what, how.progress, companion)
        events.tell("plan", environment=settings.name, text=plan)
        report.plan("\n".join((*how.before, plan)), json=how.json)
        return
    supervised = deployments.supervise(settings, action=action, tag=tag)
    back_up = before_migrating(session, how.backup, how.progress)
    with supervised, session.locked(what.holder, wait=how.wait, back_up=back_up) as environment:
        if environment.left_by:
            how.progress.note(f"took over the expired lock of {environment.left_by.who}")
        outcome = story.rollout(environment, what, how.progress, companion)
    if left := environment.lease.left:
        how.progress.note(f"the connection broke at the end: {left}")
    events.tell("outcome", action=action, **asdict(outcome))
    if how.json:
        print(jsonlib.dumps({**asdict(outcome), "steps": dict(how.progress.steps), "calls": session.engine.calls}))
    elif outcome.changed:
        how.progress.total()
        print(table.folded(f"{settings.name} runs {outcome.release} at {settings.url}"))
    else:
        print(table.folded(f"{settings.name} runs {outcome.release} already: nothing to do."))


def without(backup: str, what: Order) -> Order:
    """The order, with the ledger's remark if `--backup skip` was given."""
    if backup != SKIP:
        return what
    remark = ", ".join(filter(None, (what.remark, "no backup, by --backup skip")))
    return dataclasses.replace(what, remark=remark)


def before_migrating(session: Session, choice: str, progress: Progress) -> BackUp | None:
    """What makes a backup before migrations are applied; None for none. Raises CheckError."""
    settings = session.settings
    if settings.backups is None or settings.backups.before_migrating == SKIP:
        return None
    if choice == SKIP:
        if settings.approval == "required" and os.environ.get(NO_BACKUP) != settings.name:
            raise CheckError(
                f"{settings.name} requires approval, so a migration there needs a backup.",
                hint=f"remove that option, or set {NO_BACKUP}={settings.name} if there is no other way",
            )
        return None
    from tagship.commands.backup_inputs import back_up

    return partial(back_up, session, settings.backups, progress)


def companions(session: Session, who: Holder, progress: Progress) -> Companion:
    """What goes beside a deploy: the app's hooks first, because they may prevent it."""
    settings = session.settings
    wanted: list[Companion] = []
    if settings.notify:
        from tagship.companions.companion import NotifyCompanion

        wanted.append(NotifyCompanion(settings, who, progress))
    if settings.hooks != HookSettings():
        from tagship.companions.companion import HookCompanion, facts
        from tagship.companions.hooks import Hooks

        wanted.append(HookCompanion(Hooks(settings.hooks, here.folder(), progress, facts(settings, who))))
    if settings.sentry:
        from tagship.sentry.companion import SentryCompanion

        wanted.append(SentryCompanion(settings, settings.sentry, session.engine, session.credentials, progress))
    return Companions(*wanted)


def digests_to_plan_with(settings: Environment, found: commit.Images) -> Mapping[str, str]:
    """The registry's digests; none if it is embedded and was never started."""
    try:
        return found.digests()
    except UnreachableRegistryError:
        if settings.registry != "embedded":
            raise
        return {}


def just(release: Release, resolved: Resolution) -> Choice:
    """A choice that is always this release."""
    return lambda observed, _: Candidate(resolved.rendered(release, observed.key), resolved.secrets)


def again(settings: Environment) -> Again:
    """A function that renders the release of a record again."""

    def render(observed: Observed, record: Record) -> Candidate:
        resolved = resolve.again(settings, record, here.folder())
        return Candidate(resolved.rendered(record.release, observed.key), resolved.secrets)

    return render


def reach(opening: Opening, progress: Progress) -> Session:
    """Wait for the connection. Raises ConnectionFailedError."""
    with progress.step("Connect"):
        return opening.session()


def of_branch(config: Config) -> Environment:
    """The environment whose branch is checked out. Raises ConfigError."""
    branch = git.branch(here.folder())
    for settings in config.environments.values():
        if branch and settings.branch == branch:
            return settings
    raise ConfigError(
        f"No environment has the branch {branch!r}.",
        hint=f"pass --env NAME; use one of: {', '.join(config.environments)}",
    )
