"""What one engine's API lacks, and how a Compose model is fitted to it."""

from typing import Any

from tagship.release.markers import Model
from tagship.release.selection import without

START_INTERVAL_API = (1, 44)
"""Engine 25: probes at an interval of their own while a container starts."""

START_INTERVAL = "250ms"

START_PERIOD = "300s"
"""A deploy decides when starting has taken too long; the engine's own count of failures must not come first."""


def adapt(model: Model, api: tuple[int, int]) -> dict[str, Any]:
    """The same for one engine's API: quick probes while starting, where it knows of them."""
    services = {}
    for name, settings in model["services"].items():
        check = settings.get("healthcheck")
        if check and api >= START_INTERVAL_API:
            check = {"start_interval": START_INTERVAL, **check, "start_period": START_PERIOD}
        elif check:
            check = without(check, ("start_interval",))
        services[name] = {**settings, **({"healthcheck": check} if check else {})}
    return {**model, "services": services}
