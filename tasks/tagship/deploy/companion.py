"""Work that accompanies a rollout without being part of it: before it, while it bakes, and after it."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
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

    def around(self, stage: str, facts: Mapping[str, str]) -> AbstractContextManager[None]:
        """A block around a stage, `migrate` or `cutover`. Raises TagshipError at its beginning to prevent the stage."""

    def while_baking(self, *, last: bool) -> None:
        """Called about every second while the release bakes, finally with `last`.

        Raises TagshipError to switch back.
        """

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """Called when the release is live and recorded. Returns remarks for the user."""

    def give_up(self, why: str, serving: str) -> None:
        """Called when the rollout has failed: end all work.

        `serving`: the release that serves now, if that is known.
        """


class NoCompanion:
    """The companion that does nothing."""

    announcement = ""

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Do nothing."""

    def around(self, stage: str, facts: Mapping[str, str]) -> AbstractContextManager[None]:  # noqa: ARG002 - required by the protocol
        """Do nothing."""
        return nullcontext()

    def while_baking(self, *, last: bool) -> None:
        """Do nothing."""

    def after(self, outcome: Outcome) -> tuple[str, ...]:  # noqa: ARG002 - required by the protocol
        """Return no remarks."""
        return ()

    def give_up(self, why: str, serving: str) -> None:
        """Do nothing."""


class Companions:
    """Several companions, told in this order."""

    def __init__(self, *members: Companion) -> None:
        self._members = members

    @property
    def announcement(self) -> str:
        """All their lines."""
        return "\n".join(filter(None, (member.announcement for member in self._members)))

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Raises the first error."""
        for member in self._members:
            member.before(candidate, before, action)

    @contextmanager
    def around(self, stage: str, facts: Mapping[str, str]) -> Iterator[None]:
        """Their blocks within each other."""
        with ExitStack() as stack:
            for member in self._members:
                stack.enter_context(member.around(stage, facts))
            yield

    def while_baking(self, *, last: bool) -> None:
        """Raises the first error."""
        for member in self._members:
            member.while_baking(last=last)

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """All their remarks."""
        return tuple(remark for member in self._members for remark in member.after(outcome))

    def give_up(self, why: str, serving: str) -> None:
        """Tell all of them."""
        for member in self._members:
            member.give_up(why, serving)
