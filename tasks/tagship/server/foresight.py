"""An environment, to preview a deploy: read without a lock, and asked what is pending."""

from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated
from tagship.deploy.rollback_plan import Former
from tagship.edge.addresses import Addresses
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.images import pulls
from tagship.images.credentials import Credentials
from tagship.project.schema import Environment
from tagship.server.composer import Composer
from tagship.server.migration import Migration
from tagship.server.observe import Reader


class Preview(Reader):
    """The `Environment` of a real server whose lock nobody holds."""

    def __init__(self, engine: Engine, edge: Edge | None, settings: Environment, credentials: Credentials) -> None:
        at = Addresses.of(settings)
        super().__init__(engine, edge, settings.place, at, planning=True, maintenance=settings.maintenance)
        self.edge = edge
        """None without a running edge."""
        self._settings = settings
        self._credentials = credentials

    @property
    def last(self) -> str:
        """The ledger's last line, as last read."""
        return self._last

    def foresee(self, candidate: Candidate, former: Former) -> Migrated:
        """Pull the migrating image if the server lacks it, and ask it in one-offs without a network of the release."""
        rendered = candidate.rendered
        how = rendered.release.shape.migrations
        if how is None:
            return Migrated()
        composer = Composer(self._engine, candidate.secrets)
        composer.pull([rendered.release.images[how.service]], self._credentials, pulls.listed(self._engine))
        settings = self._settings.release.migrations
        lint = settings.lint if settings else None
        migration = Migration(self._engine, composer, self._place, rendered, prepared=False, lint=lint)
        return migration.run(former, dry_run=True)
