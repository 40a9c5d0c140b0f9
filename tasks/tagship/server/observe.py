"""Reads the state of an environment on a server, without changing anything."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tagship.deploy.canary import UnderWay
from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Observed, Routing, Standing
from tagship.edge import canary, routes, sites
from tagship.edge.addresses import NOWHERE, Addresses
from tagship.edge.state import Files
from tagship.edge.traffic import Edge
from tagship.engine import containers, networks, volumes
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.names import Place
from tagship.project.maintenance_settings import MaintenanceSettings
from tagship.proof import ledger
from tagship.release.model import Record, Release, Route, Served, served
from tagship.system.parallel import ahead

_ANY = Served((Route("/*", "any", 80),))


def standings(containers: Iterable[Container], place: Place) -> tuple[Standing, ...]:
    """The state of each release's containers, oldest release first."""
    by_release: dict[str, list[Container]] = {}
    for container in containers:
        if place.owns(container.project) and not container.one_off and not container.replacing:
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
    """Each accessory's state on the engine; with several containers, the state of one that doesn't run.

    A container that was never started counts only if it is the only one, because it should have replaced a running one.
    `ended` means a one-shot that succeeded.
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
    """Reads an environment without changing anything. A server without an edge has an empty state."""

    def __init__(  # noqa: PLR0913 - what one environment consists of
        self,
        engine: Engine,
        edge: Edge | None,
        place: Place,
        at: Addresses = NOWHERE,
        *,
        planning: bool = False,
        maintenance: MaintenanceSettings | None = None,
    ) -> None:
        """`planning`: also read what only a plan needs, such as how `maintenance` should be served."""
        self._engine = engine
        self._files = edge
        self._place = place
        self._at = at
        self._planning = planning
        self._maintenance = maintenance
        self.closed = False
        """Whether maintenance was on when it was last read."""
        self._networks: networks.Networks = ()
        """The engine's networks, as last listed."""
        self._last = ""
        """The ledger's last line, as last read."""

    def observe(self) -> Observed:
        """Read the edge's files and the engine's containers, at once."""
        return self._observed(self._files.read) if self._files else Observed()

    def _observed(self, read: Callable[[], Files]) -> Observed:
        listing = ahead(lambda: containers.listed(self._engine))
        nets = ahead(lambda: networks.listed(self._engine)) if self._planning else None
        files = read()
        self._last = files.ledger[-1] if files.ledger else ""
        self.closed = files.closed
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
            one_offs=tuple(
                c.name for c in everyone if c.one_off and c.running and not c.run_by and self._place.owns(c.project)
            ),
            accessories=accessories(everyone, self._place),
            disk_free=files.disk_free,
            memory_free=files.memory_free,
            history=ledger.parse(files.ledger),
            remarks=(
                *(f"skipped an invalid line of the ledger: {line[:40]}…" for line in bad),
                *((f"the record of {files.live} can't be read",) if files.record and record is None else ()),
            ),
            canary=_canary(files),
            routing=replace(
                self._routing(files.http, record.release if record else None, standing), closed=files.closed
            ),
        )

    def site(self, observed: Observed) -> routes.Site:
        """The live release's routes at the environment's URL, as the edge should have them."""
        wanted = _served(observed.live_release, observed.standing(observed.live))
        return self._site(wanted)

    def _site(self, wanted: Served) -> routes.Site:
        return routes.site(
            self._place, self._at.urls, wanted, wanted, maintenance=self._maintenance, moved=self._at.moved
        )

    def _routing(self, http: routes.Json, live: Release | None, standing: Standing | None) -> Routing:
        """Compare what the edge serves with what it should serve; without an address, nothing can be wrong."""
        if not (own := self._at.urls):
            return Routing()
        wanted = _served(live, standing)
        at = sites.addresses(http, self._place)
        site = self._site(wanted)
        hosts = site or self._site(_ANY)  # a first deploy will need these hosts
        other = sites.taken(http, self._place, hosts)
        return Routing(
            taken=f"{other[0]} is already served as {other[1]}" if other else "",
            held=sites.is_held(http, self._place),
            stands=sites.stand(http, self._place, site, self._at.behind),
            here=any(sites.same(own[0], url) for url in at),
            elsewhere=tuple(url for url in at if not any(sites.same(mine, url) for mine in own)),
        )

    def _empty(self, releases: Sequence[Standing], nets: networks.Networks) -> tuple[str, ...]:
        self._networks = nets
        there = {release.name for release in releases}
        return tuple(sorted(name for net in nets if self._place.owns(name := net["Name"]) and name not in there))

    def unfit(self, candidate: Candidate) -> list[str]:
        """Volumes on the server that differ from the release's Compose file."""
        rendered = candidate.rendered
        if not rendered.model.get("volumes"):
            return []
        there = volumes.existing(self._engine)
        return list(volumes.findings(rendered.volumes, rendered.external_volumes, there, candidate.secrets))

    def release(self, name: str) -> Record | None:
        """A release's record."""
        raw = self._files.record(name) if name and self._files else b""
        return ledger.decode_record(raw)


def _canary(files: Files) -> UnderWay | None:
    """The canary that the edge's files name."""
    if not files.canary:
        return None
    release, share, *lasts = (*files.canary, "")[:3]
    return UnderWay(release, canary.percent(share), lasts=lasts == ["on"])


def _served(live: Release | None, standing: Standing | None) -> Served:
    return served(live.shape.routes, standing.present if standing else {}) if live else Served(())
