"""A commit on its way to a server, for `ship` and `preview.up`: its images, built and pushed, and its release."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tagship.commands.orders import RunOptions, bring, digests_to_plan_with, just, meant, reach
from tagship.companions.companion import around_build
from tagship.deploy.candidate import Choice
from tagship.deploy.order import Order
from tagship.engine import client
from tagship.engine.client import Engine
from tagship.images import artifact, build, commit, digests, embedded, push
from tagship.project import here
from tagship.project.schema import Config, Environment
from tagship.release.markers import Model
from tagship.release.model import Release
from tagship.reporting import events
from tagship.reporting.progress import Progress
from tagship.server import connection
from tagship.server.session import Session
from tagship.source import checkout, git
from tagship.system.parallel import beside
from tagship.variables.resolve import Resolution


@dataclass(frozen=True)
class Shipment:
    """A commit for an environment, which images it needs, and which of them the registry lacks."""

    config: Config
    settings: Environment
    found: commit.Images
    resolved: Resolution
    to_build: Model

    def build(self, engine: Engine, progress: Progress) -> Mapping[str, str]:
        """Build and push its images on this machine's engine. Returns their digests; none without a registry."""
        found = self.found
        embedded.prepare(self.settings, engine)
        title = f"Build {found.version.short}"
        around = around_build(self.settings, found.version, here.folder(), progress)
        with around, progress.step(title), progress.output(title) as told:
            build.build(found, self.config, self.to_build, engine, told, self.config.build)
        if not found.registry:
            return {}
        with progress.step(f"Push {found.version.short}"):
            pushed = push.push(found, engine)
        if self.settings.release.publish:
            with progress.step(f"Publish {found.version.short}"):
                artifact.publish(found, pushed, git.committed_at(found.version, here.folder()))
        events.tell("pushed", tag=found.version.tag, images=found.references(pushed))
        return pushed

    def release(self, session: Session, pushed: Mapping[str, str]) -> Release:
        """The release, with every image by its digest."""
        return digests.release(self.found, session.engine, lambda: pushed or self.found.digests())

    def preview(self, ordered: Callable[[Choice], Order], how: RunOptions) -> None:
        """Print what `ship` would do: the suites, the images to build, and the plan of the deploy that is ordered."""
        with connection.connect(self.settings) as opening:
            session = reach(opening, how.progress)
            both = (("test", self.config.test), ("lint", self.config.lint))
            lines = [f"{kind}: {', '.join(suites)}" for kind, suites in both if suites]
            known = digests_to_plan_with(self.settings, self.found)
            there = known if self.found.registry else digests.local_ids(self.found, session.engine)
            if lacking := self.found.lacking(there):
                lines.append(f"{'build and push' if self.found.registry else 'build'}: {', '.join(lacking)}")
            if not how.json:
                print("\n".join(lines))
            how = dataclasses.replace(how, before=tuple(lines) if how.json else ())
            release = digests.release(self.found, session.engine, lambda: known, planned=True)
            bring(session, ordered(just(release, self.resolved)), how, self.found.version.tag)


def prepare(
    config: Config, settings: Environment, *, dirty: bool, printed: Callable[[], str] | None = None
) -> Shipment:
    """The checked-out commit, checked as far as that needs no server. Raises SourceError, ConfigError.

    `printed` gives what Compose prints of its files, if it was asked before.
    """
    client.prepare()  # while git and Compose run
    version = meant(settings, "", dirty=dirty)
    if not dirty:
        checkout.refuse_dirty(here.folder())
    found = commit.of(settings, version, here.folder(), repository=here.folder(), printed=printed)
    if settings.release.publish and found.registry:
        artifact.refuse(found)
    resolved, to_build = beside(
        lambda: commit.checked(found, settings, here.folder(), build.unbuildable(found, config)),
        lambda: build.resolve(found, config),
    )
    return Shipment(config, settings, found, resolved, to_build)
