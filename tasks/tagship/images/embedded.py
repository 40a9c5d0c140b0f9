"""`registry: embedded`: a registry on the deployer's machine, which the server reaches through the SSH connection."""

import contextlib
import hashlib
import time
from dataclasses import dataclass

from tagship.engine import compose
from tagship.engine.client import Engine
from tagship.errors import EngineError, RegistryError, RolloutError
from tagship.images.registry import Registry, UnreachableRegistryError
from tagship.project.schema import Config, Environment

FIRST_PORT, PORTS = 20000, 10000
READY_WITHIN = 20.0


def port(app: str) -> int:
    """The app's fixed port on this machine's loopback. It is part of the images' names."""
    return FIRST_PORT + int.from_bytes(hashlib.sha256(app.encode()).digest()[:4], "big") % PORTS


def prefix(app: str) -> str:
    """The beginning of its images' names."""
    return f"localhost:{port(app)}/{app}"


@dataclass(frozen=True)
class Standing:
    """The embedded registry on this machine's engine."""

    container: str
    """The container's id; empty if there is none."""
    running: bool
    volume: str
    """The volume with its images; empty if there is none."""


def standing(engine: Engine, app: str) -> Standing:
    """What there is of the app's registry."""
    found = engine.get("/containers/json", all=True, filters={"label": [f"tagship.registry={app}"]})
    volume = f"{app}-registry_data"
    named = [each["Name"] for each in engine.get("/volumes").get("Volumes") or () if each["Name"] == volume]
    container = found[0] if found else {"Id": "", "State": ""}
    return Standing(container["Id"], container["State"] == "running", "".join(named))


def stop(engine: Engine, app: str, there: Standing, *, images: bool) -> None:
    """Stop and remove the registry; with `images`, also the volume with all that was pushed to it."""
    if there.container:
        engine.call("POST", f"/containers/{there.container}/stop")
        engine.call("DELETE", f"/containers/{there.container}", force=True)
        with contextlib.suppress(EngineError):  # somebody else's container may be on it
            engine.call("DELETE", f"/networks/{app}-registry_default")
    if images and there.volume:
        engine.call("DELETE", f"/volumes/{there.volume}")


def ensure(engine: Engine, app: str, image: str) -> None:
    """Start the registry on this machine's engine. Raises RegistryError if it doesn't come up."""
    if not _running(engine, app):
        try:
            compose.up(engine.socket, _project(app, image), {})
        except RolloutError as error:
            hint = "set `registry-image` to an image that this machine's engine has or can pull"
            raise RegistryError(f"The embedded registry can't be started: {error.problem}", hint=hint) from None
    registry = Registry(f"localhost:{port(app)}")
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        try:
            registry.digest(f"{app}/none", "none")
        except UnreachableRegistryError:
            time.sleep(0.05)
        else:
            return
    raise RegistryError(
        f"The embedded registry didn't come up within {READY_WITHIN:g} s.", hint="look at its log with `docker logs`"
    )


def _running(engine: Engine, app: str) -> bool:
    return bool(engine.get("/containers/json", filters={"label": [f"tagship.registry={app}"]}))


def _project(app: str, image: str) -> dict[str, object]:
    return {
        "name": f"{app}-registry",
        "services": {
            "registry": {
                "image": image,
                "labels": {"tagship.registry": app},
                "restart": "unless-stopped",
                "ports": [{"host_ip": "127.0.0.1", "published": str(port(app)), "target": 5000, "protocol": "tcp"}],
                "volumes": ["data:/var/lib/registry"],
            }
        },
        "volumes": {"data": None},
    }


def prepare(settings: Config | Environment, engine: Engine) -> None:
    """Start the embedded registry, if tagship.yml uses it."""
    if settings.registry == "embedded":
        ensure(engine, settings.app, settings.registry_image)
