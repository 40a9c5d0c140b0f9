"""`adopt`: take over what Compose runs on a server already, and give it back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import DRY_RUN, ENV, WAIT, task
from tagship.errors import CheckError, TagshipError

if TYPE_CHECKING:
    from tagship.commands.orders import RunOptions
    from tagship.deploy.adoption import Stack, Wanted
    from tagship.deploy.candidate import Choice
    from tagship.names import Version
    from tagship.project.schema import Environment
    from tagship.reporting.progress import Progress
    from tagship.server.session import Session
    from tagship.variables.resolve import Resolution


@task(
    help={
        "env": ENV,
        "project": "The Compose project on the server. Default: the one whose services have the same names.",
        "undo": "Go back: remove what Tagship started, and start the old containers again.",
        "yes": "Don't ask for confirmation, e.g. in scripts.",
        "dry-run": DRY_RUN,
        "wait": WAIT,
    }
)
def adopt(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    project: str = "",
    undo: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    wait: int = 0,
) -> None:
    """Take over what Compose runs on a server.

    Stops it, starts the accessories on its volumes, gives its ports to the edge, deploys the commit, and says for how
    long nobody was answered. If that fails, the old containers serve again; `--undo` brings them back later.
    """
    from tagship.commands.orders import RunOptions, just, meant, reach, released
    from tagship.deploy import adoption as decisions
    from tagship.project import here
    from tagship.reporting.progress import Progress
    from tagship.server import adoption, connection
    from tagship.server.outage import Outage

    settings = here.config().brought(env)
    progress = Progress()
    with progress, connection.connect(settings) as opening:
        if undo:
            session = reach(opening, progress)
            _undo(session, adoption.adopted(session, project), progress, yes=yes, dry_run=dry_run)
            return
        version = meant(settings, "", dirty=False)
        session, release, resolved = released(opening, settings, version, progress, planned=dry_run)
        accessories = _accessories(settings, version, progress)
        wanted = adoption.wanted(session, resolved, accessories)
        stack, why = decisions.choose(adoption.stacks(session.engine), wanted, project)
        if stack is None:
            raise CheckError(why, hint="pass --project NAME; to start on an empty server, use `tagship deploy`")
        _refuse(stack, wanted, session)
        _show(stack, wanted, session)
        if dry_run:
            return
        _confirm(session, yes=yes, what=f"This stops {stack.project} on {settings.engine}.")
        with progress.step(f"Pull, while {stack.project} goes on serving"):
            adoption.pull(session, release, accessories)
        wanted = adoption.wanted(session, resolved, accessories)  # images that were just pulled say their versions
        _refuse(stack, wanted, session)
        with Outage(settings.url) as outage:
            _take_over(
                session, stack, wanted, accessories, just(release, resolved), RunOptions(progress, wait), version.tag
            )
    print(outage.told)
    print(f"The old containers are stopped; `tagship adopt --env {env} --undo` starts them again.")


def _take_over(  # noqa: PLR0913 - what both sides consist of
    session: Session,
    stack: Stack,
    wanted: Wanted,
    accessories: Resolution,
    choose: Choice,
    how: RunOptions,
    tag: str,
) -> None:
    """From the first stop to the cutover. If anything fails, the old containers serve again."""
    from tagship.commands.orders import bring, order
    from tagship.proof.ledger import Action
    from tagship.server import accessories as long_lived
    from tagship.server import adoption, lock

    databases = [part.service for part in wanted.accessories]
    stopped = False
    try:
        with how.progress.step(f"Stop {stack.project}"), adoption.locked(session, lock.holder("adopt"), how.wait):
            stopped = True
            adoption.stop(session, stack.project, databases)
        if databases:
            with how.progress.step(f"Start {', '.join(databases)}"):
                long_lived.up(session, accessories, lock.holder("adopt"))
        bring(session, order(session.settings, Action.DEPLOY, choose), how, tag)
    except BaseException:
        if stopped:
            _give_back(session, stack.project, databases, how.progress)
        raise


def _give_back(session: Session, project: str, databases: list[str], progress: Progress) -> None:
    """What went wrong first is what the user must see, so a failure in here is a note."""
    from tagship.server import adoption
    from tagship.system.signals import uninterrupted

    try:
        with uninterrupted(), progress.step(f"Start {project} again"):
            adoption.back(session, project, databases, undo=False)
    except TagshipError as error:
        progress.note(f"{project} doesn't serve: {error}")
    else:
        progress.note(f"{project} serves again; what Tagship started is gone, volumes stay")


def _undo(session: Session, project: str, progress: Progress, *, yes: bool, dry_run: bool) -> None:
    from tagship.server import adoption
    from tagship.system.signals import uninterrupted

    place = session.place
    print(f"Remove what {place} runs on {session.settings.engine}, and its records; volumes stay")
    print(f"Start the containers of {project} that `adopt` stopped")
    print("Migrations that were applied since then stay, so the old images must be able to live with them.")
    if dry_run:
        return
    _confirm(session, yes=yes, what=f"This stops {place} on {session.settings.engine}.")
    with uninterrupted(), progress.step(f"Start {project} again"):
        started = adoption.back(session, project, session.settings.release.accessories, undo=True)
    print(f"{project} runs again: {', '.join(started)}.")


def _accessories(settings: Environment, version: Version, progress: Progress) -> Resolution:
    from tagship.commands.accessories import of_commit

    with of_commit(settings, version, progress) as found:
        return found


def _refuse(stack: Stack, wanted: Wanted, session: Session) -> None:
    """Raises CheckError with everything that doesn't fit, and with what would make it fit."""
    from tagship.deploy import adoption as decisions
    from tagship.server import adoption

    if live := adoption.serves(session):
        raise CheckError(f"{session.place} serves {live} already.", hint="use `tagship deploy`; adopting is for once")
    found = list(decisions.findings(stack, wanted, adoption.held(session.engine, stack.project)))
    if not found:
        return
    lines = "\n".join(found)
    if text := decisions.overlay(stack, wanted):
        name = session.settings.name
        lines += f"\nThis Compose file keeps the data where it is; add it to environments.{name}.compose:\n\n{text}\n"
    raise CheckError(lines, hint="change what doesn't fit, then adopt again; nothing was changed")


def _show(stack: Stack, wanted: Wanted, session: Session) -> None:
    from tagship.deploy import adoption as decisions

    print(f"{session.place} takes over {stack.project} on {session.settings.engine}:")
    for number, step in enumerate(decisions.steps(stack, wanted), 1):
        print(f"{number:3}. {step}")
    sys.stdout.flush()


def _confirm(session: Session, *, yes: bool, what: str) -> None:
    """Raises CheckError without a confirmation."""
    if yes:
        return
    name = str(session.place)
    if not sys.stdin.isatty():
        raise CheckError(f"Nobody confirmed that. {what}", hint="pass --yes")
    sys.stderr.write(f"{what}\nType {name} to continue: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise CheckError(f"{name} was not confirmed.", hint="type its name to confirm; nothing was changed")
