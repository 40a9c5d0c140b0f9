"""What a rollback has to reverse before it goes back, or why only a backup leads there."""

import dataclasses

from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order
from tagship.deploy.rollback_plan import Way, way_to
from tagship.deploy.steps import Reverse
from tagship.deploy.target import Environment
from tagship.errors import CheckError
from tagship.proof.ledger import Action


class RestoreNeededError(CheckError):
    """A rollback needs the database of an earlier moment. Carries the id of the backup that was made then."""

    def __init__(self, problem: str, *, hint: str, at: str) -> None:
        self.at = at
        super().__init__(problem, hint=hint)


def way_back(
    environment: Environment, order: Order, candidate: Candidate, before: Observed
) -> tuple[Candidate, Reverse | None]:
    """What a rollback has to reverse, as was declared, and the candidate with the secrets that this needs.

    Raises CheckError if only a backup leads back.
    """
    if order.action is not Action.ROLLBACK or order.keep_schema:
        return candidate, None
    plan = way_to(before.history, candidate.restores or candidate.rendered.name)
    if plan.way is Way.CODE:
        return candidate, None
    to = candidate.rendered.release.version.short
    keep = f"`tagship rollback --env {order.environment} --to {to} --keep-schema`"
    record = environment.release(plan.of)
    if plan.way is Way.RESTORE or record is None:
        why = "; ".join(plan.why) if plan.way is Way.RESTORE else f"the record of {plan.of} can't be read"
        problem = f"Going back to {to} needs the database as it was before {plan.since}: {why}."
        if plan.backup.startswith("rds:"):
            snapshot = f"restore the snapshot {plan.backup.removeprefix('rds:')} in RDS"
            raise CheckError(problem, hint=f"{snapshot}, which loses what was written since, then {keep}")
        if not plan.backup:
            older = f"`tagship backup.restore --env {order.environment} --at {plan.since}`"
            raise CheckError(
                f"{problem[:-1]}, and no backup was made then.",
                hint=f"run {older}, which restores an older one and loses what was written since, then {keep}",
            )
        raise RestoreNeededError(
            problem,
            hint=f"pass --yes to restore it and lose what was written since; or, if {to} runs as it is, {keep}",
            at=plan.backup,
        )
    newer = order.again(before, record)
    both = dataclasses.replace(candidate, secrets={**newer.secrets, **candidate.secrets})
    return both, Reverse(newer.rendered, plan)
