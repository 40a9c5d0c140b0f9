"""Decides what each service of a Compose file is: part of the release, an accessory, or left out. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tagship.release.shape import keeps_sqlite
from tagship.setup import compose, known
from tagship.setup.dockerfile import Dockerfile

_FRONT = re.compile(r"front|web|client|ui|nginx|proxy|caddy|gateway|site|www|app", re.IGNORECASE)
_BACK = re.compile(r"back|api|server|django|rails|flask", re.IGNORECASE)
_ONCE = re.compile(r"\bcelery\b.*(\bbeat\b|\s-B\b)|\bclock\b|\bscheduler\b|\bcrond?\b")


@dataclass
class Places:
    """Which services go where, the routes, and how each was decided."""

    services: list[str] = field(default_factory=list)
    accessories: list[str] = field(default_factory=list)
    singletons: list[str] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)
    routes: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Path → service and port."""
    guesses: list[str] = field(default_factory=list)

    @property
    def routed(self) -> dict[str, int]:
        """Service → the port that its first route goes to."""
        return dict(reversed(self.routes.values()))


def place(services: Mapping[str, Mapping[str, Any]], made: Mapping[str, Dockerfile]) -> Places:
    """Place every service. `made`: service → the Dockerfile that it is built from."""
    found = Places()
    for name, settings in services.items():
        _put(found, name, settings, made.get(name))
    _route(found, services, made)
    return found


def _put(found: Places, name: str, settings: Mapping[str, Any], made: Dockerfile | None) -> None:
    image = str(settings.get("image", ""))
    short = known.short(made.base if made else image)
    if settings.get("profiles"):
        return
    if store := known.store(made.base if made else image):
        found.accessories.append(name)
        if made:
            found.guesses.append(
                f"{name} is built from {short}, so it is an accessory ({store.kind}). Tagship builds no accessory: "
                "push its image to a registry, and name that under `image`."
            )
    elif short in known.TOOLS or short in known.EDGES:
        found.unplaced.append(name)
        why = "Tagship's edge does its work on a server" if short in known.EDGES else "it is a tool for development"
        found.guesses.append(f"{name} ({short}) goes to no server: {why}. `allow` says so.")
    elif not made and any(_named(item) for item in settings.get("volumes") or ()):
        found.accessories.append(name)
        found.guesses.append(f"{name} keeps data in a volume, so it is an accessory: no deploy touches it.")
    else:
        found.services.append(name)
        if not made:
            found.guesses.append(f"{name} ({short}) holds no data, so each deploy replaces it, with the others.")
        if not compose.ports(settings) and _ONCE.search(f"{compose.words(settings.get('command'))} {name}"):
            found.singletons.append(name)
            found.guesses.append(f"{name} looks like a scheduler, so it never runs twice (release.singletons).")
        elif keeps_sqlite(settings):
            found.singletons.append(name)
            found.guesses.append(
                f"{name} keeps SQLite in a volume, so it never runs twice (release.singletons): requests wait while a "
                "deploy replaces it."
            )


def _route(found: Places, services: Mapping[str, Mapping[str, Any]], made: Mapping[str, Dockerfile]) -> None:
    """Routes to the services that publish a port; `/*` to the one that people see."""
    open_ = {name: ports for name in found.services if (ports := compose.ports(services[name]))}
    if not open_:
        open_ = {
            name: (made[name].port,)
            for name in found.services
            if name in made and made[name].port and not services[name].get("command")
        }
    if len(open_) == 1 or not open_:
        for name, ports in open_.items():
            found.routes["/*"] = (name, ports[0])
            if len(ports) > 1:
                others = ", ".join(map(str, ports[1:]))
                found.guesses.append(f"{name} publishes {ports[0]} and {others}: only the first one has a route.")
        return
    front = max(open_, key=lambda name: (bool(_FRONT.search(name)) - bool(_BACK.search(name)), name in made))
    for name in open_:
        if name != front:
            path = "/api/*" if _BACK.search(name) and "/api/*" not in found.routes else f"/{name}/*"
            found.routes[path] = (name, open_[name][0])
    found.routes["/*"] = (front, open_[front][0])
    told = ", ".join(f"{path} to {name}:{port}" for path, (name, port) in found.routes.items())
    found.guesses.append(
        f"Several services publish a port, and on a server they share one address: {told}. Which paths go where, "
        "only you know: correct `routes`. A path is passed on as it is, prefix included."
    )


def _named(mount: object) -> bool:
    return isinstance(mount, Mapping) and mount.get("type") == "volume" and bool(mount.get("source"))
