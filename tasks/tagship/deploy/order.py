"""The order to change an environment."""

from dataclasses import dataclass

from tagship.deploy.candidate import Again, Choice
from tagship.deploy.rollout import Patience
from tagship.names import Holder
from tagship.proof.ledger import Action


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
