"""What stands in an environment on a server, read without changing anything."""

from collections.abc import Callable, Iterable, Sequence

from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Observed, Routing, Standing
from tagship.edge import routes, sites
from tagship.edge.state import Files
from tagship.edge.traffic import Edge
from tagship.engine import containers, networks, volumes
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.names import Place
from tagship.proof import ledger
from tagship.release.model import Record, Release, Route, Served, served
from tagship.system.parallel import ahead

_ANY = Served((Route("/*", "any", 80),))


def standings(containers: Iterable[Container], place: Place) -> tuple[Standing, ...]:
    """What stands of each release of a place, oldest first."""
    by_release: dict[str, list[Container]] = {}
    for container in containers:
        if place.owns(container.project) and not container.one_off:
            by_release.setdefault(container.project, []).append(container)
    found = [
        Standing(
            name,
            min(c.created for c in ours),
            running=_count(c.service for c in ours if c.running),
            present=_count(c.service for c in ours),
            fresh=_count(c.service for c in ours if c.state == "created"),
        )
        for name, ours in by_release.items()
    ]
    return tuple(sorted(found, key=lambda standing: standing.created))


def accessories(containers: Iterable[Container], place: Place) -> dict[str, str]:
    """Each accessory's state as the engine has it, of several containers that of one that doesn't run.

    One that was made and never started counts only where it is the only one: it was to replace what still runs.
    `ended` for one that is to end by itself and did so well.
    """
    states: dict[str, str] = {}
    for container in containers:
        if container.project == place.accessories:
            ended = container.restart == "no" and container.status.startswith("Exited (0)")
            state = "ended" if ended else container.state
            before = states.get(container.service, "")
            if before in {"", "created"} or (before == "running" and state != "created"):
                states[container.service] = state
    return states


def _count(names: Iterable[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    return counted


class Reader:
    """Looks at an environment without changing anything; a server that has no edge yet has nothing to see."""

    def __init__(
        self, engine: Engine, edge: Edge | None, place: Place, url: str = "", *, planning: bool = False
    ) -> None:
        """`planning`: look at what only a plan needs to know, too."""
        self._engine = engine
        self._files = edge
        self._place = place
        self._url = url
        self._planning = planning
        self._networks: networks.Networks = ()
        """The engine's, as last listed."""
        self._last = ""
        """The ledger's last line, as read."""

    def observe(self) -> Observed:
        """All at once: the edge's files, and what the engine has."""
        return self._observed(self._files.read) if self._files else Observed()

    def _observed(self, read: Callable[[], Files]) -> Observed:
        listing = ahead(lambda: containers.listed(self._engine))
        nets = ahead(lambda: networks.listed(self._engine)) if self._planning else None
        files = read()
        self._last = files.ledger[-1] if files.ledger else ""
        everyone = listing()
        releases = standings(everyone, self._place)
        standing = next((release for release in releases if release.name == files.live), None)
        record, bad = ledger.decode_record(files.record), ledger.unreadable(files.ledger)
        return Observed(
            live=files.live,
            live_record=record,
            key=files.key,
            releases=releases,
            empty=self._empty(releases, nets()) if nets else (),
            one_offs=tuple(c.name for c in everyone if c.one_off and c.running and self._place.owns(c.project)),
            accessories=accessories(everyone, self._place),
            disk_free=files.disk_free,
            memory_free=files.memory_free,
            history=ledger.parse(files.ledger),
            remarks=(
                *(f"passed over a line of the ledger that is none: {line[:40]}…" for line in bad),
                *((f"the record of {files.live} can't be read",) if files.record and record is None else ()),
            ),
            routing=self._routing(files.http, record.release if record else None, standing),
        )

    def _routing(self, http: routes.Json, live: Release | None, standing: Standing | None) -> Routing:
        """What the edge serves beside what it should; without a URL to be served at, nothing can be wrong."""
        if not self._url:
            return Routing()
        wanted = served(live.shape.routes, standing.present if standing else {}) if live else Served(())
        at = sites.addresses(http, self._place)
        site = routes.site(self._place, [self._url], wanted, wanted)
        hosts = site or routes.site(self._place, [self._url], _ANY, _ANY)  # who has none yet will want some
        other = sites.taken(http, self._place, hosts)
        return Routing(
            taken=f"{other[0]} is served as {other[1]}" if other else "",
            stands=sites.stand(http, self._place, site),
            here=any(sites.same(self._url, url) for url in at),
            elsewhere=tuple(url for url in at if not sites.same(self._url, url)),
        )

    def _empty(self, releases: Sequence[Standing], nets: networks.Networks) -> tuple[str, ...]:
        self._networks = nets
        there = {release.name for release in releases}
        return tuple(sorted(name for net in nets if self._place.owns(name := net["Name"]) and name not in there))

    def unfit(self, candidate: Candidate) -> list[str]:
        """What stands on the server and isn't as the release's Compose file says: volumes."""
        rendered = candidate.rendered
        if not rendered.model.get("volumes"):
            return []
        there = volumes.existing(self._engine)
        return list(volumes.findings(rendered.volumes, rendered.external_volumes, there, candidate.secrets))

    def release(self, name: str) -> Record | None:
        """What was kept of a release."""
        raw = self._files.record(name) if name and self._files else b""
        return ledger.decode_record(raw)
