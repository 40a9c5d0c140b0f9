"""`registry: embedded`: a registry on the deployer's machine, which the server reaches through the SSH connection."""

import hashlib
import time

from tagship.engine import compose
from tagship.engine.client import Engine
from tagship.errors import RegistryError, RolloutError
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
