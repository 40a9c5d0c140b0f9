"""Runs a release's migrations on a server, each command in a one-off container of the new image."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from tagship.checks import migration_lint
from tagship.deploy.observed import Migrated
from tagship.deploy.rollback_plan import Former, RollbackPlan, plan_way_back
from tagship.deploy.target import NOBODY, Listeners
from tagship.engine import images
from tagship.engine.client import Engine
from tagship.errors import MigrationError, RolloutError
from tagship.migrations import frameworks, inspection, locks
from tagship.migrations.frameworks import State
from tagship.migrations.inspection import Inspection
from tagship.names import Place
from tagship.project import here
from tagship.project.migration_settings import MigrationLint
from tagship.release.model import Migrations, Rendered
from tagship.secret import Secret
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

BackUp = Callable[[str], str]
"""Makes a backup before migrating to a commit, given by its first digits. Returns the backup's id."""


Given = Callable[[Callable[[str], object]], AbstractContextManager[Mapping[str, Secret]]]
"""Holds variables for the commands that change the schema, as long as its context lasts; tells remarks."""


class Migration:
    """The migrations of a release, which run on the release's and the environment's networks."""

    def __init__(  # noqa: PLR0913 - what one release's migrations depend on
        self,
        engine: Engine,
        composer: Composer,
        place: Place,
        rendered: Rendered,
        *,
        prepared: bool = True,
        lint: MigrationLint | None = None,
        back_up: BackUp | None = None,
        credentials: Given | None = None,
    ) -> None:
        """`prepared`: the release's own network exists. `back_up` is called before anything is applied."""
        self._engine = engine
        self._composer = composer
        self._place = place
        self._rendered = rendered
        self._prepared = prepared
        self._lint = lint
        self._back_up = back_up
        self._credentials = credentials
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

    def run(self, former: Former, *, dry_run: bool, listeners: Listeners = NOBODY) -> Migrated:
        """List, declare the way back, apply, and check again.

        Raises MigrationError if a command fails or migrations are still pending.
        """
        how = self._rendered.release.shape.migrations
        if how is None:
            return Migrated()
        state = frameworks.read(how, self._asked() if self._asked else self._once(how, how.pending))
        self._asked = None
        found = self._inspect(how, state, former, listeners)
        way = plan_way_back(former, self._rendered.name, found, before=state.leaves, compatible=how.compatible)
        if way and found != Inspection():
            listeners.declare(way)
        findings = self._judge(found, listeners)
        if dry_run or not state.pending:
            return Migrated(state.pending, state.leaves, way, found.changes, findings)
        self._refuse(findings)
        # what is pending and how one could go back is known, and nothing has been changed yet
        with listeners.around("migrate", {"TAGSHIP_MIGRATIONS": " ".join(state.pending)}):
            after = self._apply(how, listeners)
        if after.pending:
            raise MigrationError(
                f"Still pending after migrating: {', '.join(after.pending)}.",
                hint=_NOTHING_STAYED if after.pending == state.pending else "",
            )
        return Migrated(state.pending, after.leaves or self._leaves(how), way, found.changes, findings)

    def _apply(self, how: Migrations, listeners: Listeners) -> State:
        """Make a backup and apply all that is pending. Returns what is there then."""
        if self._back_up:
            listeners.backed_up(self._back_up(self._rendered.release.version.short))
        self._repeat(how, how.apply, listeners)
        return frameworks.read(how, self._once(how, how.pending))

    def reverse(self, plan: RollbackPlan, listeners: Listeners) -> Migrated:
        """Reverse migrations and check that they are pending. Raises MigrationError."""
        how = self._rendered.release.shape.migrations
        if how is None:
            return Migrated()
        pending = frameworks.read(how, self._once(how, how.pending)).pending
        if there := [name for name in plan.migrations if name not in pending]:
            self._repeat(how, frameworks.reversal(how, there, plan.leaves), listeners)
        after = frameworks.read(how, self._once(how, how.pending))
        if left := [name for name in plan.migrations if name not in after.pending]:
            raise MigrationError(f"Still applied after reversing: {', '.join(left)}.")
        return Migrated((), after.leaves or self._leaves(how))

    def _inspect(self, how: Migrations, state: State, former: Former, listeners: Listeners) -> Inspection:
        """What is known of the migrations that the former release doesn't have; costs nothing if there are none."""
        if not state.pending and (not former.leaves or former.leaves == state.leaves):
            return Inspection()
        asked = inspection.question(how, former.leaves)
        if not asked:
            statements = self._once(how, how.sql) if how.sql and state.pending else ""
            return inspection.unexplained(how, state.pending, statements)
        try:
            return inspection.answer(self._once(how, asked))
        except MigrationError as error:
            listeners.tell(f"the migrations can't be described: {error.problem.splitlines()[-1].strip()}")
            return inspection.unexplained(how, state.pending)

    def _judge(self, found: Inspection, listeners: Listeners) -> tuple[str, ...]:
        """What the app's linter finds in the pending migrations."""
        if self._lint is None:
            return ()
        findings = tuple(migration_lint.findings(self._lint, found.changes, here.folder()))
        for line in findings:
            listeners.tell(line)
        return findings

    def _refuse(self, findings: tuple[str, ...]) -> None:
        """Raises MigrationError if the linter found something, and may refuse."""
        if findings and self._lint and self._lint.level == "block":
            raise MigrationError(
                "The migration's SQL is refused:\n  " + "\n  ".join(findings),
                hint="change the migration, or set release.migrations.lint.level to warn; nothing was applied",
            )

    def _leaves(self, how: Migrations) -> tuple[str, ...]:
        """The last applied migration, from the command that lists the applied ones."""
        return frameworks.last(self._once(how, how.list)) if how.list else ()

    def _repeat(self, how: Migrations, argv: tuple[str, ...], listeners: Listeners) -> None:
        """Run a command that changes the schema, with credentials of its own if there are any."""
        with self._credentials(listeners.tell) if self._credentials else nullcontext({}) as given:
            self._try(how, argv, listeners, given)

    def _try(self, how: Migrations, argv: tuple[str, ...], listeners: Listeners, given: Mapping[str, Secret]) -> None:
        """Run it; after a lock timeout pause and repeat it, and after nothing else."""
        began = time.monotonic()
        waits = locks.pauses(how.lock_retries)
        while True:
            try:
                self._once(how, argv, limited=True, given=given)
            except MigrationError as error:
                if not locks.timed_out(error.output):
                    raise
                took = time.monotonic() - began
                pause = next(waits, None)
                if pause is None or took + pause > how.lock_retries_within:
                    error.add_hint(_LOCKED)
                    raise
                listeners.tell(f"a lock wasn't free within {how.lock_timeout}; trying again in {pause:g} s")
                time.sleep(pause)
            else:
                return

    def _once(
        self,
        how: Migrations,
        argv: tuple[str, ...],
        *,
        limited: bool = False,
        given: Mapping[str, Secret] | None = None,
    ) -> str:
        release = self._rendered.release
        model = frameworks.one_off(
            self._rendered.model, how.service, str(self._place), release.shape, prepared=self._prepared
        )
        if limited:
            name = self._composer.name(release.images.get(how.service, ""))
            model = frameworks.limited(model, how, images.image_variables(self._engine, name))
        try:
            return self._composer.run_once(self._rendered, model, how.service, argv, given or {})
        except RolloutError as error:
            failed = MigrationError(error.problem)
            failed.output = error.output
            raise failed from None
