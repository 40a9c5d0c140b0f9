"""Runs a release's migrations on a server, each command in a one-off container of the new image."""

from collections.abc import Callable

from tagship.deploy.observed import Migrated
from tagship.engine import images
from tagship.engine.client import Engine
from tagship.errors import MigrationError, RolloutError
from tagship.migrations import frameworks
from tagship.names import Place
from tagship.release.model import Migrations, Rendered
from tagship.server.composer import Composer
from tagship.system.parallel import ahead

_NOTHING_STAYED = (
    "keep the database's file on a volume, or the database in an accessory: each command runs in a container of its "
    "own, and a database inside it, such as SQLite's file, is removed with it"
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

    def run(self, *, dry_run: bool) -> Migrated:
        """List, apply, and check again. Raises MigrationError if a command fails or migrations are still pending."""
        how = self._rendered.release.shape.migrations
        if how is None:
            return Migrated()
        state = frameworks.read(how, self._asked() if self._asked else self._once(how, how.pending))
        self._asked = None
        if dry_run or not state.pending:
            return Migrated(state.pending, state.leaves)
        self._once(how, how.apply, limited=True)
        after = frameworks.read(how, self._once(how, how.pending))
        if after.pending:
            raise MigrationError(
                f"Still pending after migrating: {', '.join(after.pending)}.",
                hint=_NOTHING_STAYED if after.pending == state.pending else "",
            )
        return Migrated(state.pending, after.leaves)

    def _once(self, how: Migrations, argv: tuple[str, ...], *, limited: bool = False) -> str:
        release = self._rendered.release
        model = frameworks.one_off(self._rendered.model, how.service, str(self._place), release.shape)
        if limited:
            name = self._composer.name(release.images.get(how.service, ""))
            model = frameworks.limited(model, how, images.image_variables(self._engine, name))
        try:
            return self._composer.run_once(self._rendered, model, how.service, argv)
        except RolloutError as error:
            raise MigrationError(error.problem) from None
