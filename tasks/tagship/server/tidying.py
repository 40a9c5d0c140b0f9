"""Removes what an environment's releases no longer need, outside a deploy."""

from collections.abc import Mapping
from dataclasses import dataclass

from tagship.deploy.apply import apply
from tagship.deploy.observed import Observed
from tagship.deploy.prune import plan_tidying
from tagship.deploy.removal import Picture, Remains, unneeded
from tagship.deploy.steps import Plan, Remove
from tagship.errors import CheckError
from tagship.reporting.progress import Progress
from tagship.server import removal
from tagship.server.session import Session
from tagship.server.target import LockedServer


@dataclass(frozen=True)
class Tidied:
    """What goes, and how much disk that freed."""

    plan: Plan = ()
    images: tuple[Picture, ...] = ()
    freed: int = 0
    """Bytes, measured on the disk where the engine keeps its data."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The steps, for people."""
        return (*map(str, self.plan), *(f"Remove the image {image.shown}" for image in self.images))

    @property
    def counted(self) -> str:
        """How many releases and images."""
        releases = sum(isinstance(step, Remove) for step in self.plan)
        return " and ".join(
            f"{count} {thing}{'' if count == 1 else 's'}"
            for count, thing in ((releases, "release"), (len(self.images), "image"))
            if count
        )

    @property
    def told(self) -> Mapping[str, object]:
        """For programs."""
        images = [{"name": image.shown, "id": image.id} for image in self.images]
        releases = [step.release for step in self.plan if isinstance(step, Remove)]
        return {"releases": releases, "images": images, "bytes": self.freed, "steps": list(self.lines)}


def foresee(session: Session) -> Tidied:
    """What would go. Raises CheckError if a deploy was left unfinished, or none is live."""
    with session.looked_at() as environment:
        plan = _plan(environment.observe(), session)
    with session.files() as edge:
        return Tidied(plan, _images(removal.observe(session, edge), plan))


def tidy(environment: LockedServer, session: Session, progress: Progress) -> Tidied:
    """Remove it. Raises CheckError if a deploy was left unfinished, or none is live."""
    before = environment.observe()
    plan = _plan(before, session)
    apply(plan, environment.target(), progress.step)
    images = _images(removal.observe(session, environment.edge), plan)
    if images:
        with progress.step(f"Remove {len(images)} image{'' if len(images) == 1 else 's'}"):
            environment.lease.check()
            kept = removal.discard(session.engine, images)
        for name in kept:
            progress.note(f"{name} stays, because something uses it")
    free = environment.edge.read().disk_free
    return Tidied(plan, images, max(0, free - (before.disk_free or 0)))


def _plan(observed: Observed, session: Session) -> Plan:
    if observed.live and not observed.proven:
        raise CheckError(
            f"{observed.live} is live, but its deploy was killed before it was proven.",
            hint="deploy again, which finishes or undoes that",
        )
    return plan_tidying(observed, keep=session.settings.keep, drain=session.settings.release.drain_within)


def _images(found: Remains, plan: Plan) -> tuple[Picture, ...]:
    gone = {step.release for step in plan if isinstance(step, Remove)}
    return unneeded(found, keep={thing.project for thing in found.containers} - gone)
