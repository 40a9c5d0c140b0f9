"""What goes beside a rollout without being part of it: it hears of it before, while it bakes, and after."""

from typing import Protocol

from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.proof.ledger import Action
from tagship.release.model import Rendered


class Companion(Protocol):
    """Sentry, for one. Whatever it does takes its own time; only what it raises stops a rollout."""

    @property
    def announcement(self) -> str:
        """What a plan says of it; empty for nothing."""

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Nothing has been changed yet. Raises TagshipError where the rollout may not begin without it."""

    def while_baking(self, *, last: bool) -> None:
        """About every second after the cutover, at last with `last`. Raises TagshipError to have it switched back."""

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """The release is live and recorded. Returns what a person should know of it."""

    def give_up(self) -> None:
        """The rollout failed: end what was begun."""


class Nobody:
    """The companion of a rollout that has none."""

    announcement = ""

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Nothing."""

    def while_baking(self, *, last: bool) -> None:
        """Nothing."""

    def after(self, outcome: Outcome) -> tuple[str, ...]:  # noqa: ARG002 - the port's
        """Nothing to say."""
        return ()

    def give_up(self) -> None:
        """Nothing was begun."""
