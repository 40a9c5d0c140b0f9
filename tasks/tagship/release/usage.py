"""Finds what in a Compose file uses a variable or secret: services, accessories, and builds. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tagship.release import markers, references, selection
from tagship.release.markers import Model
from tagship.release.model import Shape, Sources
from tagship.release.references import Needs


@dataclass(frozen=True)
class Usage:
    """The names that each part of a Compose file needs."""

    services: Mapping[str, Needs]
    accessories: Mapping[str, Needs]
    builds: Mapping[str, Needs]
    """Service → names of its build arguments and build secrets."""

    @property
    def running(self) -> Needs:
        """The needs of services and accessories together."""
        found: Needs = {}
        for needs in (*self.services.values(), *self.accessories.values()):
            for name, need in needs.items():
                found[name] = max(need, found.get(name, need))
        return found

    def users(self, name: str) -> list[str]:
        """What uses a name, in words."""
        of = [service for service, needs in self.services.items() if name in needs]
        of += [f"{accessory} (accessory)" for accessory, needs in self.accessories.items() if name in needs]
        return of + [f"build of {service}" for service, needs in self.builds.items() if name in needs]


def usage(sources: Sources, shape: Shape) -> Usage:
    """The needs of a release's services, of its accessories, and of the images that are built."""

    def running(services: tuple[str, ...]) -> dict[str, Needs]:
        selected = {service: selection.select(sources, (service,)) for service in services}
        return {service: references.of(found.model, found.files) for service, found in selected.items()}

    return Usage(running(shape.services), running(shape.accessories), dict(_builds(sources)))


def secrets_of(service: Model, model: Model) -> frozenset[str]:
    """The secrets that a resolved service uses: in its settings, and as files from Compose's secrets and configs."""
    found = set(markers.secret_names(json.dumps(service, ensure_ascii=False)))
    for kind in ("secrets", "configs"):
        for source in map(selection.source_name, service.get(kind) or ()):
            item = (model.get(kind) or {}).get(source) or {}
            found |= {item.get("environment") or markers.file_secret(source)}
    return frozenset(found)


def build_secrets(sources: Sources) -> frozenset[str]:
    """The variables of build secrets."""
    items = (selection.build_part(sources).model.get("secrets") or {}).values()
    return frozenset(item["environment"] for item in items if item.get("environment"))


def _builds(sources: Sources) -> Iterator[tuple[str, Needs]]:
    for name, service in sources.model["services"].items():
        if service.get("build"):
            part = selection.build_part(Sources({**sources.model, "services": {name: service}}))
            yield name, references.of(part.model, {})
