"""Work that accompanies a rollout without being part of it: before it, while it bakes, and after it."""

from typing import Protocol

from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.proof.ledger import Action
from tagship.release.model import Rendered


class Companion(Protocol):
    """Work beside a rollout, such as Sentry's.

    It runs in its own time and stops the rollout only by raising an error.
    """

    @property
    def announcement(self) -> str:
        """A line for the plan; empty for none."""

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Called before anything is changed. Raises TagshipError if the rollout must not begin without it."""

    def while_baking(self, *, last: bool) -> None:
        """Called about every second while the release bakes, finally with `last`.

        Raises TagshipError to switch back.
        """

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """Called when the release is live and recorded. Returns remarks for the user."""

    def give_up(self) -> None:
        """Called when the rollout has failed: end all work."""


class NoCompanion:
    """The companion that does nothing."""

    announcement = ""

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Do nothing."""

    def while_baking(self, *, last: bool) -> None:
        """Do nothing."""

    def after(self, outcome: Outcome) -> tuple[str, ...]:  # noqa: ARG002 - required by the protocol
        """Return no remarks."""
        return ()

    def give_up(self) -> None:
        """Do nothing."""
