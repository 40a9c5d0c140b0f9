"""What somebody wants done to an environment."""

from dataclasses import dataclass

from tagship.deploy.candidate import Again, Choice
from tagship.deploy.rollout import Patience
from tagship.names import Holder
from tagship.proof.ledger import Action


@dataclass(frozen=True)
class Order:
    """What to bring into an environment, for whom, and how patiently."""

    environment: str
    url: str
    action: Action
    holder: Holder
    choose: Choice
    again: Again
    patience: Patience
    remark: str = ""
    """What its line in the ledger says besides."""
