"""The order to change an environment."""

from collections.abc import Callable
from dataclasses import dataclass

from tagship.deploy.candidate import Again, Choice
from tagship.deploy.rollback_plan import RollbackPlan
from tagship.deploy.rollout import Patience
from tagship.errors import CheckError
from tagship.names import Holder
from tagship.proof.ledger import Action


def disagree(plan: RollbackPlan) -> None:
    """Raises CheckError with what would be lost."""
    raise CheckError(
        f"Going back reverses {', '.join(plan.migrations)}, and loses {', '.join(plan.loses)}.",
        hint="pass --yes if you agree, or --keep-schema to go back without reversing",
    )


@dataclass(frozen=True)
class Order:
    """What to deploy to an environment, for whom, and with which time limits."""

    environment: str
    url: str
    action: Action
    holder: Holder
    choose: Choice
    again: Again
    patience: Patience
    remark: str = ""
    """A remark for its line in the ledger."""
    agree: Callable[[RollbackPlan], object] = disagree
    """Called before a rollback reverses what loses data; raises CheckError if nobody agrees to that."""
    drilled_since: str = ""
    """A deploy needs a restore drill that passed since, ISO 8601 in UTC; empty for none."""
    keep_schema: bool = False
    """Whether a rollback leaves the schema as it is, whatever was declared."""
