"""What a script depends on: a plan, and what was observed on the server when it was made."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tagship.deploy.planning import Planned
from tagship.edge import routes
from tagship.edge.caddy import NETWORK
from tagship.engine.containers import Container
from tagship.engine.networks import Networks
from tagship.names import RESTART, Place
from tagship.project.schema import Environment
from tagship.release.model import Rendered
from tagship.server.attach import Attachment, attachments


@dataclass
class Scene:
    """A plan, and what was observed on the server when it was made."""

    planned: Planned
    settings: Environment
    api: tuple[int, int] = (1, 44)
    """The engine's."""
    everyone: Sequence[Container] = ()
    """The containers of all apps on the server."""
    networks: Networks = ()
    images: Mapping[str, str] = field(default_factory=dict)
    """Image → its name on the engine, for those that it has."""
    http: routes.Json = field(default_factory=dict)
    """Caddy's HTTP configuration; the one that the steps until now have made of it."""
    etag: str = ""
    """That of the configuration as it was observed; empty once a step has changed it."""
    last: str = ""
    """The ledger's last line."""
    keyed: bool = False
    """Whether a step has made the key with which requests reach the candidate."""

    @property
    def place(self) -> Place:
        """The app and environment that everything is named after."""
        return self.settings.place

    @property
    def folder(self) -> str:
        """The environment's folder in the edge."""
        return f"{routes.STATE}/{self.place}"

    def image(self, name: str) -> str:
        """An image's name on the engine."""
        return self.images.get(name, name)

    def of(self, project: str, services: Sequence[str] = ()) -> list[Container]:
        """The containers of a project as observed, or only those of some services."""
        ours = [c for c in self.everyone if c.project == project and not c.one_off]
        return [c for c in ours if not services or c.service in services]

    def forget(self, release: str) -> None:
        """A step removes a release's containers and its network; a later one may make them anew."""
        self.everyone = [c for c in self.everyone if c.project != release]
        self.networks = [net for net in self.networks if net["Name"] != release]

    def starting(self, rendered: Rendered, services: Sequence[str]) -> list[Container]:
        """The containers to start, in order: those that are there, or that an earlier step has created."""
        there = {c.name: c for c in self.of(rendered.name)}
        return [
            there.get(name) or _created(rendered, service, name)
            for service in rendered.order
            if service in services
            for name in names(rendered, service)
        ]

    def connections(self, rendered: Rendered, ours: Sequence[Container]) -> Iterator[Attachment]:
        """The networks that these containers have to join before they start."""
        config = next((net["IPAM"]["Config"][0] for net in self.networks if net["Name"] == NETWORK), None)
        gateway, _, size = (config or {}).get("Subnet", "").partition("/")
        found = list(
            attachments(rendered, self.place, ours, self.everyone, {"Gateway": gateway, "IPPrefixLen": size or 32})
        )
        taken = [replace(each.container, addresses={each.network: each.address}) for each in found if each.address]
        self.everyone = (*self.everyone, *(replace(c, one_off=True) for c in taken))  # so that no other gets it
        return iter(found)


def _created(rendered: Rendered, service: str, name: str) -> Container:
    """A container that an earlier step has created."""
    policy = (rendered.model["services"][service].get("labels") or {}).get(RESTART, "")
    return Container(name, name, rendered.name, service, "created", "", 0, {}, restart=policy)


def names(rendered: Rendered, service: str) -> list[str]:
    """The containers of a service, as Compose names them and the edge dials them."""
    return [f"{rendered.name}-{service}-{number}" for number in range(1, rendered.replicas(service) + 1)]
