"""Finds what in a Compose file can't run on a server, or is risky there: all findings at once. Pure.

The checks need only files, so they run before anything is built or connected to. `of` accepts the merged model as well
as the interpolated one; in the former it skips what `${NAME}` decides.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tagship.errors import ConfigError
from tagship.names import Place, Version
from tagship.release import render
from tagship.release.model import Shape, replicas

Model = Mapping[str, Any]
HINT = "add an overlay for deployment that changes these settings: compose: [a.yml, b.yml]"
SOCKET = "docker.sock"
_CLOCK = ("/etc/localtime", "/etc/timezone")
"""If mounted read-only, these are the same on every server."""
_HOOKS = ("post_start", "pre_stop")
_SHARED = {
    "pid": "sees and may end every process of the server",
    "ipc": "shares the memory of the server's programs",
    "userns_mode": "has the server's own users, root included",
}
"""What `host` means for each."""
_CAPABILITIES = frozenset(("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "DAC_READ_SEARCH", "BPF"))
"""Those that lead out of a container (capabilities(7))."""
_KINDS = frozenset((SOCKET, "privileged", "devices", "network_mode", "cap_add", "security_opt", "unplaced"))
Where = Callable[..., str]
"""The keys of a setting → `FILE:LINE: `, or nothing."""
_ALLOWED = _KINDS | _SHARED.keys() | frozenset(_HOOKS)


def nowhere(*_: str) -> str:
    """For whoever has no file at hand."""
    return ""


@dataclass(frozen=True)
class Finding:
    """A problem, and what to do about it."""

    text: str
    key: str = ""
    """The name by which `allow:` of tagship.yml accepts it, `SERVICE:WHAT`; empty if it can't be accepted."""
    keys: tuple[str, ...] = ()
    """The Compose file's keys where it stands."""

    def __str__(self) -> str:
        return f'{self.text} To accept the risk: allow: ["{self.key}"]' if self.key else self.text


def of(  # noqa: PLR0913 - where, of what, and what is taken
    place: Place,
    version: Version,
    model: Model,
    shape: Shape,
    *,
    services: Iterable[str],
    allow: Iterable[str],
    where: Where = nowhere,
) -> list[str]:
    """The findings about these services of a Compose model that `allow` doesn't accept, one per line."""
    taken, services = frozenset(allow), tuple(services)
    folders = {**model, "services": {name: _spelt_out(model["services"][name], model) for name in services}}
    every = [
        finding
        for service in services
        for look in (_mounts, _powers, _network, _hooks, _answers)
        for finding in look(service, folders["services"][service], shape)
    ]
    name = place.release_name(version, "0" * 64)
    long = (
        Finding(text, keys=("services", service))
        for service in services
        for text in render.long_names(name, {"services": _only(model, [service])})
    )
    lines = (f"{where(*finding.keys)}{finding}" for finding in (*every, *long) if finding.key not in taken)
    return list(dict.fromkeys(lines))


def unplaced(model: Model, shape: Shape, allow: Iterable[str], where: Where = nowhere) -> list[str]:
    """Services that are neither in the release nor accessories, although something may need them."""
    placed = {*shape.services, *shape.accessories}
    taken = frozenset(allow)
    needed_by: dict[str, str] = {}
    for name in sorted(placed):
        for other, how in (model["services"][name].get("depends_on") or {}).items():
            if how.get("required", True):
                needed_by.setdefault(other, name)
    found = [
        Finding(
            f"Service {name} depends on {other}, which isn't in the Compose file.",
            keys=("services", name, "depends_on"),
        )
        for other, name in needed_by.items()
        if other not in model["services"]
    ]
    for name, settings in model["services"].items():
        if name in placed or (settings.get("profiles") and name not in needed_by):
            continue
        why = f", and {needed_by[name]} depends on it" if name in needed_by else ""
        text = (
            f"Service {name} isn't in tagship.yml{why}: name it in release.accessories (a database, a cache: "
            "started once, no deploy touches it) or in release.services (replaced by each deploy). A service "
            "for development only belongs to a profile."
        )
        found.append(Finding(text, f"{name}:unplaced", ("services", name)))
    return [f"{where(*finding.keys)}{finding}" for finding in found if finding.key not in taken]


def pointless(model: Model, allow: Iterable[str], where: Where = nowhere) -> list[str]:
    """Entries of `allow` that can accept nothing, as after a slip of the pen: the risk would go unaccepted unseen."""
    lines = []
    for entry in allow:
        service, _, what = entry.partition(":")
        if service not in model["services"]:
            lines.append(f"{where('allow')}allow: {entry!r} names no service of the Compose file.")
        elif what not in _ALLOWED and not what.startswith("/"):
            lines.append(
                f"{where('allow')}allow: {entry!r} accepts nothing: write SERVICE:WHAT, WHAT as a finding names it."
            )
    return lines


def dropped(model: Model, shape: Shape) -> list[str]:
    """What a deploy always leaves out, one kind per line, to show in the plan."""
    services = {name: model["services"][name] for name in shape.services}
    routed = {(route.service, route.port) for route in shape.routes}
    ports = [
        f"{name} {port.get('target')}"
        for name, settings in services.items()
        for port in settings.get("ports") or ()
        if isinstance(port, Mapping) and (name, port.get("target")) not in routed
    ]
    networks = sorted(
        {net for settings in services.values() for net in settings.get("networks") or () if net != "default"}
    )
    named = [name for name, settings in services.items() if settings.get("container_name")]
    placed = {*shape.services, *shape.accessories}
    profiled = [n for n, settings in model["services"].items() if settings.get("profiles") and n not in placed]
    lines = [
        (ports, "published ports without a route", "they can't be reached from outside the release"),
        (networks, "networks", "a release has one network of its own for all its services"),
        (named, "container_name", "two releases run side by side, so containers are named after their release"),
        (profiled, "services of profiles", "no release has them"),
    ]
    return [f"Left out: {what} ({', '.join(items)}): {why}" for items, what, why in lines if items]


def writes(volume: object) -> bool:
    """Whether a service's volume has a name and may be written to; an anonymous one is each container's own."""
    if not isinstance(volume, Mapping):
        return False
    return volume.get("type") == "volume" and bool(volume.get("source")) and not volume.get("read_only")


def overlapping(model: Model, shape: Shape) -> list[str]:
    """Services of one container that write to a volume and for a moment run twice, one per line, for the plan."""
    found = []
    for name in dict.fromkeys(route.service for route in shape.routes):
        settings = model["services"][name]
        volumes = [volume["source"] for volume in settings.get("volumes") or () if writes(volume)]
        if volumes and replicas(settings) == 1 and name not in shape.alone:
            found.append(
                f"{name} writes to {', '.join(volumes)} and runs twice until the cutover: list it in "
                "release.singletons if only one process may write there, as with SQLite"
            )
    return found


def refuse(lines: Iterable[str], hint: str = HINT) -> None:
    """Raises ConfigError with every line, if there is any."""
    if every := list(dict.fromkeys(lines)):
        raise ConfigError("\n".join(every), hint=hint)


def _spelt_out(settings: Model, model: Model) -> Model:
    """The service, with named volumes that `driver_opts` binds to a host folder as the mounts that they are."""
    volumes = model.get("volumes") or {}

    def folder(mount: object) -> object:
        source = mount.get("source") if isinstance(mount, Mapping) and mount.get("type") == "volume" else None
        options = (volumes.get(source) or {}).get("driver_opts") or {}
        device = str(options.get("device", ""))
        bound = "bind" in str(options.get("o", "")).split(",") and device.startswith("/")
        return {"type": "bind", "source": device} if bound else mount

    return {**settings, "volumes": [folder(mount) for mount in settings.get("volumes") or ()]}


def _mounts(name: str, settings: Model, _: Shape) -> Iterator[Finding]:
    stands = ("services", name, "volumes")
    for mount in settings.get("volumes") or ():
        if not isinstance(mount, Mapping) or mount.get("type") != "bind" or "$" in str(mount.get("source")):
            continue
        source = str(mount.get("source", ""))
        if not source.startswith("/"):
            yield Finding(render.source_mount(name, source), keys=stands)
        elif source.endswith(SOCKET):
            yield Finding(
                f"Service {name} mounts {source}: whoever breaks into it controls the server.",
                f"{name}:{SOCKET}",
                stands,
            )
        elif not (source in _CLOCK and mount.get("read_only")):
            yield Finding(
                f"Service {name} mounts {source} of the server: no release or rollback includes it, and if it is "
                "missing, the engine creates an empty folder that root owns.",
                f"{name}:{source}",
                stands,
            )


def _powers(name: str, settings: Model, _: Shape) -> Iterator[Finding]:
    if settings.get("privileged") is True:
        yield Finding(
            f"Service {name} is privileged: whoever breaks into it is root on the server.",
            f"{name}:privileged",
            ("services", name, "privileged"),
        )
    if settings.get("devices"):
        yield Finding(
            f"Service {name} uses devices: the server must have them, for two containers at once.",
            f"{name}:devices",
            ("services", name, "devices"),
        )
    for key, what in _SHARED.items():
        if settings.get(key) == "host":
            yield Finding(f"Service {name} has {key}: host, so it {what}.", f"{name}:{key}", ("services", name, key))
    powers = {str(power).upper().removeprefix("CAP_") for power in settings.get("cap_add") or ()}
    if much := sorted(powers & _CAPABILITIES):
        yield Finding(
            f"Service {name} has the capability {', '.join(much)}: whoever breaks into it can leave its container.",
            f"{name}:cap_add",
            ("services", name, "cap_add"),
        )
    if weak := [option for option in settings.get("security_opt") or () if _weakens(str(option))]:
        yield Finding(
            f"Service {name} has security_opt {', '.join(weak)}: the kernel guards the server from it no longer.",
            f"{name}:security_opt",
            ("services", name, "security_opt"),
        )


def _weakens(option: str) -> bool:
    kind, _, value = option.replace("=", ":").partition(":")
    return value == "unconfined" or (kind, value) == ("label", "disable")


def _network(name: str, settings: Model, shape: Shape) -> Iterator[Finding]:
    mode = settings.get("network_mode")
    if mode and name in {route.service for route in shape.routes}:
        text = f"Service {name} has a route and network_mode: {mode}: the edge can't reach it. Leave it out."
        yield Finding(text, keys=("services", name, "network_mode"))
    elif mode == "host":
        yield Finding(
            f"Service {name} uses the server's own network: its ports are open there without Docker's firewall rules, "
            "it can't reach other services by name, and two releases can't use the same port.",
            f"{name}:network_mode",
            ("services", name, "network_mode"),
        )


def _hooks(name: str, settings: Model, _: Shape) -> Iterator[Finding]:
    for hook in _HOOKS:
        if settings.get(hook):
            yield Finding(
                f"Service {name} has {hook}, which a deploy doesn't run: move it to the command, or to a service of its"
                " own that others wait for (service_completed_successfully).",
                f"{name}:{hook}",
                ("services", name, hook),
            )


def _answers(name: str, settings: Model, shape: Shape) -> Iterator[Finding]:
    """A routed service needs a container, and a healthcheck, in the Compose file or in its image."""
    if name not in {route.service for route in shape.routes}:
        return
    if replicas(settings) == 0:
        text = f"Service {name} has a route but no container to answer it: its replicas or scale are 0."
        yield Finding(text, keys=("services", name, "scale" if "scale" in settings else "deploy"))
    check = settings.get("healthcheck") or {}
    if check.get("disable") or check.get("test") in (["NONE"], "NONE"):
        yield Finding(
            f"Service {name} has a route but its healthcheck is disabled, so Tagship can't tell when it is ready.",
            keys=("services", name, "healthcheck"),
        )


def _only(model: Model, services: Iterable[str]) -> dict[str, Any]:
    return {name: model["services"][name] for name in services}
