"""Builds the orders for `rollback`, for the release that deploy/rollback.py chooses; asks before data is lost."""

import dataclasses
import sys

from tagship.commands.orders import RunOptions, again, bring
from tagship.deploy.candidate import Candidate, Choice, Recorded
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order, disagree
from tagship.deploy.rollback import choose_rollback, compared
from tagship.deploy.rollback_plan import RollbackPlan
from tagship.deploy.rollout import whole
from tagship.deploy.way_back import RestoreNeededError
from tagship.errors import ConfigError, SecretsError, SourceError, TagshipError, ToolError
from tagship.project.schema import Environment
from tagship.release.model import Record
from tagship.reporting.progress import Progress
from tagship.server.session import Session
from tagship.variables import resolve


def former(settings: Environment, to: str, progress: Progress) -> Choice:
    """A choice of the previous good release that differs from the live one, or of the one that `to` names."""
    render = again(settings)

    def choose(observed: Observed, recorded: Recorded) -> Candidate:
        for name in choose_rollback(observed, to):
            record = recorded(name)
            if record is None:
                hint = "deploy that commit with `tagship deploy --sha …`"
                raise SourceError(f"The ledger has no record of {name}.", hint=hint)
            try:
                candidate = render(observed, record)
            except (ConfigError, SecretsError, ToolError) as error:
                candidate = _as_it_stands(settings, observed, record, name, error)
                progress.note(f"{error.problem.rstrip('.')}: {name} starts with the secrets that it had")
            for line in compared(record.configuration, candidate.rendered.configuration, observed):
                progress.note(f"{name}: {line}")
            if candidate.rendered.name != observed.live:
                return dataclasses.replace(candidate, restores=name)
            progress.note(f"{name} differs from the live release only in secrets, and their old values are not stored")
        hint = "list the releases with `tagship history`"
        raise SourceError("No earlier release differs from the live one.", hint=hint)

    return choose


def _as_it_stands(
    settings: Environment, observed: Observed, record: Record, name: str, error: TagshipError
) -> Candidate:
    """The release as its containers have it, without today's secrets. Raises the error if one has to be created."""
    standing = observed.standing(name)
    rendered = resolve.as_it_stands(settings, record, name, observed.key) if record.configuration else None
    if rendered is None or standing is None or standing.fresh or not whole(rendered, standing):
        error.add_hint(f"{name} has to be created again, which needs its secrets")
        raise error
    return Candidate(rendered)


def agreed(settings: Environment, plan: RollbackPlan, *, yes: bool) -> None:
    """Ask before a rollback loses data. Raises CheckError unless somebody agrees.

    Where approval is required, `--yes` isn't enough for a terminal: the environment's name must be typed.
    """
    if not _agrees(settings, "\n".join(plan.lines), yes=yes):
        disagree(plan)


def bring_back(session: Session, what: Order, how: RunOptions, *, identity: str, yes: bool) -> None:
    """Run a rollback; first restore the backup that it needs, if somebody agrees to lose what was written since."""
    settings = session.settings
    try:
        bring(session, what, how)
    except RestoreNeededError as error:
        lost = f"{error.problem}\nWhat was written since will be lost."
        if how.dry_run or how.explain or not _agrees(settings, lost, yes=yes):
            raise
        from tagship.backups.files import DATABASE
        from tagship.commands.restore import RestoreOrder, restored

        agreed = settings.name
        order = RestoreOrder(
            settings, settings, error.at, "", DATABASE, identity, agreed, how.dry_run, how.wait, hold=True
        )
        restored(order, how.progress)
        bring(session, what, how)


def _agrees(settings: Environment, what: str, *, yes: bool) -> bool:
    if not sys.stdin.isatty():
        return yes
    if yes and settings.approval == "none":
        return True
    wanted = settings.name if settings.approval == "required" else "yes"
    sys.stderr.write(f"{what}\nType {wanted} to lose this: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == wanted
