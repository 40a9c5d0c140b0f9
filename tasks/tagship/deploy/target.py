"""The interface to the outside world: what a deploy observes, and what a plan may do."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from tagship.deploy.canary import Answers, Terms
from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated, Observed
from tagship.deploy.rollback_plan import Former, RollbackPlan
from tagship.errors import RolloutError
from tagship.names import Holder
from tagship.proof.ledger import Entry
from tagship.release.model import Record, Rendered, Served


class Environment(Protocol):
    """An environment that can be observed."""

    def observe(self) -> Observed:
        """Read everything that a plan depends on."""

    def release(self, name: str) -> Record | None:
        """Read the stored record of a release."""

    def unfit(self, candidate: Candidate) -> list[str]:
        """Differences between existing volumes and the candidate's Compose file, one line each."""


class PreviewedEnvironment(Environment, Protocol):
    """An environment that can be asked what a deploy would do."""

    def foresee(self, candidate: Candidate, former: Former) -> Migrated:
        """Ask the candidate's image what is pending, and change nothing. Raises TagshipError if that is impossible."""


class LockedEnvironment(Environment, Protocol):
    """An environment whose lock this deploy holds."""

    @property
    def left_by(self) -> Holder | None:
        """Whose expired lock was taken over; None if the lock was free."""

    def now(self) -> str:
        """The time by the engine's clock, ISO 8601."""

    def target(self, candidate: Candidate | None = None) -> "Target":
        """The target for a plan that brings this candidate; without one, for a plan on existing releases."""


Onlooker = Callable[[bool], object]
"""Called about every second while a release bakes, finally with True; raises TagshipError to end it."""


def alone(_stage: str, _facts: Mapping[str, str]) -> AbstractContextManager[None]:
    """Nothing around a stage."""
    return nullcontext()


@dataclass(frozen=True)
class Listeners:
    """What a plan's steps call while they run."""

    bake: Onlooker = bool
    tell: Callable[[str], object] = bool
    """Called with a line for the user."""
    declare: Callable[[RollbackPlan], object] = bool
    """Called with the way back, before anything is migrated."""
    backed_up: Callable[[str], object] = bool
    """Called with the id of the backup that was made before migrating."""
    paused: Callable[[float, Sequence[str]], object] = lambda _seconds, _services: None
    """Called after a start that had to wait for a stop, with the seconds that both took, and the services."""
    tried: Callable[[str], object] = bool
    """Called after a canary with how it went."""
    around: Callable[[str, Mapping[str, str]], AbstractContextManager[None]] = alone
    """The block around a stage, `migrate` or `cutover`, with facts for it."""


NOBODY = Listeners()


class Target(Protocol):
    """Applies plans to an environment. Each method is one planned effect; any may raise TagshipError."""

    def observe(self) -> Observed:
        """Read everything that a plan depends on."""

    def still_ours(self) -> None:
        """Check the lock while the next change runs. Raises LockedError if the check before found it lost."""

    def pull(self, images: Sequence[str]) -> None:
        """Pull the missing images by digest, all at once."""

    def revive(self, accessories: Sequence[str]) -> None:
        """Start stopped accessories and wait until they are ready."""

    def prepare(self, rendered: Rendered) -> None:
        """Store the release's record and create its network and volumes."""

    def create(self, rendered: Rendered) -> None:
        """Create a release's containers, without starting them."""

    def ask(self, rendered: Rendered) -> None:
        """Start listing the pending migrations, in a one-off of the new image; `migrate` waits for the list."""

    def migrate(
        self, rendered: Rendered, former: Former, *, dry_run: bool = False, listeners: Listeners = NOBODY
    ) -> Migrated:
        """Declare the way back, apply pending migrations in one-offs of the new image, check that none is left.

        With `dry_run`, apply none.
        """

    def reverse(self, rendered: Rendered, plan: RollbackPlan, listeners: Listeners = NOBODY) -> Migrated:
        """Reverse the plan's migrations in one-offs of the image that has them, and check that they are pending."""

    def start(self, rendered: Rendered, services: Sequence[str]) -> None:
        """Start services, dependencies first, and wait until they are ready.

        Raises RolloutError if one doesn't become ready, or has lost a container.
        """

    def keep_assets(self, rendered: Rendered, live: str) -> None:
        """Keep the assets of a release, and for a while those of the live one that it replaces."""

    def serve(
        self, candidate: Served, live: Served, *, to: str = "", elsewhere: Sequence[str] = (), here: bool = True
    ) -> None:
        """Let the edge serve these routes; do nothing if it already does.

        With `to`, the cutover to that release also changes the live routes to the candidate's. `elsewhere` are other
        URLs of the environment; without `here`, its own URL isn't served.
        """

    def smoke_test(self, release: str, *, candidate: bool) -> None:
        """Run the smoke tests through the edge, with the deploy's key or like any client."""

    def cutover(self, release: str) -> None:
        """Switch traffic, in one atomic change."""

    def hold(self, release: str, seconds: float) -> None:
        """Show the candidate to people with its link until one accepts it.

        Raises RolloutError if one rejects it, or if nobody decides in time.
        """

    def canary(self, release: str, terms: Terms, tell: Callable[[str], object]) -> tuple[Answers, Answers]:
        """Send a share of all visitors to the candidate, each of them always to the same release, and watch it.

        Ends when the time is over or a person accepts it; the share stays until the cutover, or until `end_canary`.
        Tells once a minute how it goes. Returns how the candidate and the live release answered. Raises RolloutError
        if the candidate does worse, or if a person rejects it.
        """

    def end_canary(self) -> None:
        """Send all visitors to the live release again, in one atomic change."""

    def bake(self, release: str, seconds: float, look: Onlooker) -> None:
        """Watch a release for a while after the cutover, and call `look` meanwhile."""

    def drain(self, release: str, seconds: float, quiet: float = 0) -> None:
        """Wait until no request was in flight to a release for `quiet` seconds, for so many seconds at most."""

    def stop(self, release: str, services: Sequence[str]) -> None:
        """Stop containers of a release; all of them if no service is named."""

    def resume(self, release: str, services: Sequence[str]) -> None:
        """Start stopped services of a release, without waiting for them.

        Raises RolloutError if some have no container any more; the others have been started then.
        """

    def remove(self, release: str) -> None:
        """Remove a release's containers and network. Its volumes and images stay."""

    def release(self, name: str) -> Record | None:
        """Read the stored record of a release."""

    def record(self, entry: Entry) -> None:
        """Append an entry to the ledger, chained to the line before."""


def refuse_lost(rendered: Rendered, services: Iterable[str], there: Mapping[str, int]) -> None:
    """Raises RolloutError if containers of these services are missing. `there`: service → how many there are.

    A plan starts only what was there, or what it has created; but somebody else may remove what is stopped.
    """
    if lost := [service for service in services if there.get(service, 0) < rendered.replicas(service)]:
        raise gone(rendered.name, lost)


def gone(release: str, services: Iterable[str]) -> RolloutError:
    """The error of services whose containers are gone."""
    return RolloutError(
        f"{release} has lost containers of {', '.join(services)}: somebody removed them meanwhile.",
        hint="run the command again, which creates them; `docker system prune` removes what is stopped",
    )
