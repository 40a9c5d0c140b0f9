"""The outside world on one screen: what is observed of an environment, and what a plan may do to it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated, Observed
from tagship.names import Holder
from tagship.proof.ledger import Entry
from tagship.release.model import Record, Rendered, Served


class Environment(Protocol):
    """An environment to look at."""

    def observe(self) -> Observed:
        """Look at everything a plan depends on."""

    def release(self, name: str) -> Record | None:
        """Read what was kept of a release."""

    def unfit(self, candidate: Candidate) -> list[str]:
        """What stands there and isn't as the candidate's Compose file says, a line each: volumes."""


class LockedEnvironment(Environment, Protocol):
    """An environment whose lock is ours."""

    @property
    def left_by(self) -> Holder | None:
        """Who left the lock behind that was taken over; None when it was free."""

    def now(self) -> str:
        """The time by the engine's clock, ISO 8601."""

    def target(self, candidate: Candidate | None = None) -> "Target":
        """What a plan that brings this candidate is applied to; without one, only what stands is touched."""


Onlooker = Callable[[bool], object]
"""Called about every second while a release bakes, at last with True; raises TagshipError to end it."""


class Target(Protocol):
    """An environment that a plan is applied to. Each method is one planned effect; any may raise TagshipError."""

    def observe(self) -> Observed:
        """Look at everything a plan depends on."""

    def still_ours(self) -> None:
        """Look at the lock beside the next change. Raises LockedError when the look before found it lost."""

    def pull(self, images: Sequence[str]) -> None:
        """Fetch images by digest, all at once, those that aren't there."""

    def revive(self, accessories: Sequence[str]) -> None:
        """Start accessories that were stopped, and wait until they are ready."""

    def prepare(self, rendered: Rendered) -> None:
        """Keep the release's record, and make its network and volumes."""

    def create(self, rendered: Rendered) -> None:
        """Make a release's containers, started by nobody yet."""

    def migrate(self, rendered: Rendered, *, dry_run: bool = False) -> Migrated:
        """Apply what is pending in one-offs of the new image, then verify that nothing is; or only look."""

    def start(self, rendered: Rendered, services: Sequence[str]) -> None:
        """Start services, dependencies first, and wait until they are ready."""

    def serve(
        self, candidate: Served, live: Served, *, to: str = "", elsewhere: Sequence[str] = (), here: bool = True
    ) -> None:
        """Have the edge serve these routes; nothing happens when it does already.

        With `to`, a cutover to that release changes the live routes to the candidate's in the same instant. `elsewhere`
        are URLs beside the environment's own, at which nothing is served unless `here`.
        """

    def smoke_test(self, release: str, *, candidate: bool) -> None:
        """Run the smoke tests through the edge, as a bearer of the deploy's key or as anybody."""

    def cutover(self, release: str) -> None:
        """Switch traffic, in one atomic change."""

    def bake(self, release: str, seconds: float, look: Onlooker) -> None:
        """Watch a release for a while after cutover, with somebody who looks on."""

    def drain(self, release: str, seconds: float) -> None:
        """Wait until no request is in flight to a release, at most so long."""

    def stop(self, release: str, services: Sequence[str]) -> None:
        """Stop containers of a release; all of them when no service is named."""

    def resume(self, release: str, services: Sequence[str]) -> None:
        """Start stopped services of a release, without waiting for them."""

    def remove(self, release: str) -> None:
        """Remove a release's containers and network. Its volumes and images stay."""

    def release(self, name: str) -> Record | None:
        """Read what was kept of a release."""

    def record(self, entry: Entry) -> None:
        """Append to the ledger, chained to the line before."""
