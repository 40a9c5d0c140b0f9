"""Decides how an application goes from a server whole, and which images nobody needs any more. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Thing:
    """A container of the environment that is to go."""

    id: str
    name: str
    project: str
    """Its Compose project: a release, or the accessories."""
    running: bool = False
    one_off: bool = False
    """Whether it runs a single command, such as a migration."""
    image: str = ""
    """The image's id."""
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """An image on the engine."""

    id: str
    names: tuple[str, ...]
    """Its tags and digests, as the engine knows them."""
    size: int = 0

    @property
    def shown(self) -> str:
        """The shortest of its names, for people, with a short digest."""
        name, at, digest = min(self.names, key=len, default=self.id).partition("@sha256:")
        return f"{name}@{digest[:12]}" if at else name


@dataclass(frozen=True)
class Remains:
    """All that an application in one environment has on a server."""

    place: str
    accessories: str
    """The accessories' Compose project."""
    urls: tuple[str, ...] = ()
    """Where the edge serves it."""
    containers: tuple[Thing, ...] = ()
    networks: Mapping[str, str] = field(default_factory=dict)
    """Name → id."""
    volumes: tuple[str, ...] = ()
    """Volumes with its labels."""
    images: tuple[Picture, ...] = ()
    """Every image of the engine."""
    released: frozenset[str] = frozenset()
    """The digests and ids of its releases' images, by their records."""
    elsewhere: frozenset[str] = frozenset()
    """The images and volumes of all other containers."""
    guests: Mapping[str, str] = field(default_factory=dict)
    """Other container → which of the networks it is connected to."""
    records: bool = False
    """Whether the edge's volume has its records, its ledger and its keys."""


@dataclass(frozen=True)
class Unserve:
    """Stop serving it at the edge."""

    urls: tuple[str, ...]

    def __str__(self) -> str:
        return f"Stop serving {', '.join(self.urls)}"


@dataclass(frozen=True)
class Clear:
    """Stop and remove the containers of one project."""

    project: str
    containers: tuple[Thing, ...]
    anonymous: bool
    """Whether volumes without a name go with them."""

    def __str__(self) -> str:
        one_offs = ", ".join(sorted(thing.name for thing in self.containers))
        return f"Stop and remove {self.project or one_offs} ({_count(len(self.containers), 'container')})"


@dataclass(frozen=True)
class Disconnect:
    """Remove its networks."""

    networks: Mapping[str, str]

    def __str__(self) -> str:
        return f"Remove {_count(len(self.networks), 'network')}"


@dataclass(frozen=True)
class Erase:
    """Remove volumes, with all that is in them."""

    volumes: tuple[str, ...]

    def __str__(self) -> str:
        return f"Delete {_count(len(self.volumes), 'volume')}, with all data: {', '.join(self.volumes)}"


@dataclass(frozen=True)
class Discard:
    """Remove images."""

    images: tuple[Picture, ...]

    def __str__(self) -> str:
        return f"Remove {_count(len(self.images), 'image')} of its releases"


@dataclass(frozen=True)
class Forget:
    """Remove its records, its ledger and its keys."""

    place: str

    def __str__(self) -> str:
        return f"Forget {self.place}: its ledger, its records and its keys"


Step = Unserve | Clear | Disconnect | Erase | Discard | Forget


def plan_removal(found: Remains, *, volumes: bool) -> tuple[Step, ...]:
    """The steps after which nothing of it is left; none if there is nothing.

    Its records go last, so that a removal which was killed finds what it needs when it is run again. Images and
    volumes that any other container uses stay.
    """
    projects = dict.fromkeys(thing.project for thing in found.containers)
    ordered = sorted(projects, key=lambda name: name == found.accessories)  # the app stops before its database
    clear = (
        Clear(name, tuple(t for t in found.containers if t.project == name), volumes or name != found.accessories)
        for name in ordered
    )
    erased = tuple(sorted(set(found.volumes) - found.elsewhere)) if volumes else ()
    unused = unneeded(found, keep=())
    return (
        *((Unserve(found.urls),) if found.urls else ()),
        *clear,
        *((Disconnect(found.networks),) if found.networks else ()),
        *((Erase(erased),) if erased else ()),
        *((Discard(unused),) if unused else ()),
        *((Forget(found.place),) if found.records else ()),
    )


def unneeded(found: Remains, keep: Iterable[str]) -> tuple[Picture, ...]:
    """The images of its releases that no other container uses, and none of these projects."""
    kept = {thing.image for thing in found.containers if thing.project in keep} | found.elsewhere
    ours = {thing.image for thing in found.containers if thing.project != found.accessories} | found.released
    return tuple(
        image
        for image in found.images
        if image.id not in kept and ({image.id, *(name.rpartition("@")[2] for name in image.names)} & ours)
    )


def left(found: Remains, *, volumes: bool) -> Iterator[str]:
    """What stays on the server, one line each."""
    anonymous = {v for t in found.containers if t.project == found.accessories for v in t.volumes} - {*found.volumes}
    if not volumes and (data := sorted({*found.volumes, *anonymous})):
        yield f"Its volumes stay, with their data: {', '.join(data)}."
    if volumes and (used := sorted(set(found.volumes) & found.elsewhere)):
        yield f"Volumes that other containers use stay: {', '.join(used)}."


def findings(found: Remains) -> Iterator[str]:
    """What prevents a removal now, one line each."""
    for thing in found.containers:
        if thing.one_off and thing.running:
            yield f"{thing.name} still runs a single command, such as a migration, that must not be cut off."
    for name, network in found.guests.items():
        yield f"{name} isn't part of it, but is connected to its network {network}."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
