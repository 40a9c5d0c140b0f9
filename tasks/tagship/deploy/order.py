"""The order to change an environment."""

from collections.abc import Callable
from dataclasses import dataclass

from tagship.deploy.candidate import Again, Choice
from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.deploy.rollback_plan import RollbackPlan
from tagship.deploy.rollout import Patience, changes, plan_rollout
from tagship.deploy.steps import Plan, Reverse
from tagship.errors import CheckError
from tagship.names import Holder
from tagship.proof.ledger import GOOD, Action, Entry
from tagship.release.model import Rendered


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

    def plan(self, new: Rendered, before: Observed, reverse: Reverse | None = None) -> Plan:
        """The steps from what was observed to this release."""
        return plan_rollout(new, before, self.patience, migrate=self.action.migrates, reverse=reverse)

    def outcome(self, new: Rendered, before: Observed, plan: Plan) -> Outcome:
        """What a plan will have done, which includes recording a live release that no deploy recorded."""
        return Outcome(
            environment=self.environment,
            release=new.name,
            tag=new.release.version.tag,
            previous=before.live,
            url=self.url,
            changed=changes(plan) or (new.name == before.live and not before.proven),
            images=new.release.images,
        )

    def entry(self, new: Rendered, before: Observed, now: str) -> Entry:
        """Its line for the ledger. `now`: ISO 8601 by the engine's clock."""
        return Entry(
            at=now,
            action=str(self.action),
            result=GOOD,
            release=new.name,
            tag=new.release.version.tag,
            previous=before.live,
            by=self.holder.who,
            run=self.holder.run,
            images=dict(new.release.images),
            why=self.remark,
        )
