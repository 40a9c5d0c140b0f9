"""What runs in an environment now: its live release and its containers, known even while the edge is stopped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tagship.edge import caddy
from tagship.edge.state import Files
from tagship.engine import containers
from tagship.engine.containers import Container
from tagship.errors import CheckError
from tagship.names import Place
from tagship.proof import ledger
from tagship.release.model import Record
from tagship.server.session import Session
from tagship.system.parallel import ahead

_SHORT = 4
"""Digits that a shortened SHA has at least."""


@dataclass(frozen=True)
class Present:
    """An environment's live release, and the containers of all its releases and accessories."""

    place: Place
    live: str
    """Empty if nothing was deployed, or if the edge is gone and several releases run."""
    containers: Sequence[Container]
    files: Files | None = None
    """The edge's files; None without a running edge."""

    @property
    def record(self) -> Record | None:
        """The live release's record; None without a running edge, or if it can't be read."""
        return ledger.decode_record(self.files.record) if self.files else None

    @property
    def releases(self) -> list[str]:
        """The releases that have containers, oldest first."""
        ours = sorted((c for c in self.containers if self.place.owns(c.project)), key=lambda c: c.created)
        return list(dict.fromkeys(c.project for c in ours))

    def release(self, sha: str = "") -> str:
        """The live release, or the newest that stands of a commit. Raises CheckError without one."""
        if not sha:
            if self.live:
                return self.live
            raise CheckError(
                f"No release is live in {self.place.environment}.", hint="deploy one, or look with `tagship status`"
            )
        found = [name for name in self.releases if len(sha) >= _SHORT and _commit(name).startswith(sha[:8])]
        if not found:
            standing = ", ".join(_commit(name) for name in self.releases) or "none"
            raise CheckError(
                f"No release of {sha} stands in {self.place.environment}.", hint=f"use one of those that do: {standing}"
            )
        return self.live if self.live in found else found[-1]

    def of(self, project: str) -> list[Container]:
        """The containers of a release's or the accessories' services, in the order of their names."""
        ours = (c for c in self.containers if c.project == project and not c.one_off and not c.replacing)
        return sorted(ours, key=lambda c: c.name)

    def one(self, release: str, name: str, *, accessories: bool = True) -> Container:
        """A running container of a service, or else any of its: `web` is the first one, `web-2` the second.

        Raises CheckError for a name without a container.
        """
        everyone = self.of(release) + (self.of(self.place.accessories) if accessories else [])
        found = [c for c in everyone if name in {c.service, c.name.removeprefix(f"{c.project}-")}]
        if not found:
            known = ", ".join(dict.fromkeys(c.service for c in everyone)) or "none"
            raise CheckError(f"{name} has no container in {self.place.environment}.", hint=f"use one of: {known}")
        return next((c for c in found if c.running), found[0])

    def one_off(self, token: str) -> Container:
        """A one-off of `run`, by the end of its name. Raises CheckError without one."""
        found = [c for c in self.containers if c.run_by and c.name.endswith(f"-run-{token}")]
        if not found:
            known = ", ".join(c.name.rpartition("-")[2] for c in self.containers if c.run_by) or "none"
            raise CheckError(f"There is no one-off {token}.", hint=f"use one of: {known}")
        return found[0]

    def chosen(self, release: str, services: Iterable[str]) -> list[Container]:
        """The containers of these services or accessories; by default, of all the release's services.

        Raises CheckError for a name without a container.
        """
        ours, wanted = self.of(release), tuple(services)
        everyone = ours + (self.of(self.place.accessories) if release != self.place.accessories else [])
        known = dict.fromkeys(c.service for c in everyone)
        if unknown := [name for name in wanted if name not in known]:
            raise CheckError(
                f"{', '.join(unknown)} has no container in {self.place.environment}.",
                hint=f"use one of: {', '.join(known) or 'none'}",
            )
        if not ours and not wanted:
            raise CheckError(f"The containers of {release} are gone.", hint="deploy it again")
        return [c for c in everyone if c.service in wanted] if wanted else ours


def look(session: Session) -> Present:
    """Read the edge's files and the engine's containers, at once."""
    listing = ahead(lambda: containers.listed(session.engine))
    with session.files() as edge:
        if edge:
            files = edge.read()
            return Present(session.place, files.live, _ours(listing(), session.place), files)
    ours = _ours(listing(), session.place)
    stopped = caddy.find(session.engine)
    live = caddy.live_of_stopped(session.engine, stopped["Id"], session.place) if stopped else ""
    running = {c.project for c in ours if c.running and session.place.owns(c.project)}
    return Present(session.place, live or (running.pop() if len(running) == 1 else ""), ours)


def _ours(everyone: Iterable[Container], place: Place) -> list[Container]:
    return [c for c in everyone if place.owns(c.project) or c.project == place.accessories]


def _commit(release: str) -> str:
    """The first eight digits of a release's SHA."""
    return release.rsplit("-", 2)[1]
