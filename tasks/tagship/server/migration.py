"""Runs a release's migrations on a server, each command in a one-off container of the new image."""

import time
from collections.abc import Callable

from tagship.deploy.observed import Migrated
from tagship.deploy.target import Teller
from tagship.engine import images
from tagship.engine.client import Engine
from tagship.errors import MigrationError, RolloutError
from tagship.migrations import frameworks, locks
from tagship.names import Place
from tagship.release.model import Migrations, Rendered
from tagship.server.composer import Composer
from tagship.system.parallel import ahead

_NOTHING_STAYED = (
    "keep the database's file on a volume, or the database in an accessory: each command runs in a container of its "
    "own, and a database inside it, such as SQLite's file, is removed with it"
)
_LOCKED = (
    "end the transaction that holds the lock, or repeat this in a quieter hour; `SELECT pid, xact_start, query FROM "
    "pg_stat_activity ORDER BY xact_start` begins with the oldest transaction"
)


class Migration:
    """The migrations of a release, which run on the release's and the environment's networks."""

    def __init__(self, engine: Engine, composer: Composer, place: Place, rendered: Rendered) -> None:
        self._engine = engine
        self._composer = composer
        self._place = place
        self._rendered = rendered
        self._asked: Callable[[], str] | None = None
        """Waits for the list of pending migrations, if it was started in advance."""

    @property
    def only_asked(self) -> bool:
        """Whether a running one-off, if there is one, only lists migrations and doesn't change the database."""
        return self._asked is not None

    def ask(self) -> None:
        """Start listing the pending migrations."""
        if how := self._rendered.release.shape.migrations:
            self._asked = ahead(lambda: self._once(how, how.pending))

    def run(self, *, dry_run: bool, tell: Teller = bool) -> Migrated:
        """List, apply, and check again. Raises MigrationError if a command fails or migrations are still pending.

        `tell` is called with a line for the user each time a lock is waited for again.
        """
        how = self._rendered.release.shape.migrations
        if how is None:
            return Migrated()
        state = frameworks.read(how, self._asked() if self._asked else self._once(how, how.pending))
        self._asked = None
        if dry_run or not state.pending:
            return Migrated(state.pending, state.leaves)
        self._apply(how, tell)
        after = frameworks.read(how, self._once(how, how.pending))
        if after.pending:
            raise MigrationError(
                f"Still pending after migrating: {', '.join(after.pending)}.",
                hint=_NOTHING_STAYED if after.pending == state.pending else "",
            )
        return Migrated(state.pending, after.leaves)

    def _apply(self, how: Migrations, tell: Teller) -> None:
        """Apply what is pending; after a lock timeout pause and repeat it, and after nothing else."""
        began = time.monotonic()
        waits = iter(locks.pauses(how.lock_retries))
        while True:
            try:
                self._once(how, how.apply, limited=True)
            except MigrationError as error:
                if not locks.timed_out(error.output):
                    raise
                took = time.monotonic() - began
                pause = next(waits, None)
                if pause is None or took + pause > how.lock_retries_within:
                    error.add_hint(_LOCKED)
                    raise
                tell(f"a lock wasn't free within {how.lock_timeout}; trying again in {pause:g} s")
                time.sleep(pause)
            else:
                return

    def _once(self, how: Migrations, argv: tuple[str, ...], *, limited: bool = False) -> str:
        release = self._rendered.release
        model = frameworks.one_off(self._rendered.model, how.service, str(self._place), release.shape)
        if limited:
            name = self._composer.name(release.images.get(how.service, ""))
            model = frameworks.limited(model, how, images.image_variables(self._engine, name))
        try:
            return self._composer.run_once(self._rendered, model, how.service, argv)
        except RolloutError as error:
            failed = MigrationError(error.problem)
            failed.output = error.output
            raise failed from None
