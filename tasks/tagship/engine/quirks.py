"""Adapts a Compose model to what an engine's API supports."""

from typing import Any

from tagship.release.markers import Model
from tagship.release.selection import without

START_INTERVAL_API = (1, 44)
"""Engine 25 supports a separate healthcheck interval while a container starts."""

START_INTERVAL = "250ms"

START_PERIOD = "300s"
"""A deploy has its own time limit for starting; the engine must not declare a container unhealthy before that."""


def adapt(model: Model, api: tuple[int, int]) -> dict[str, Any]:
    """The model for one engine's API, with frequent checks while starting if the API supports them.

    A service without a check gets the intervals, too: they apply to its image's check, if it has one.
    """
    services = {}
    for name, settings in model["services"].items():
        check = settings.get("healthcheck")
        if api >= START_INTERVAL_API:
            check = {"start_interval": START_INTERVAL, **(check or {}), "start_period": START_PERIOD}
        elif check:
            check = without(check, ("start_interval",))
        services[name] = {**settings, **({"healthcheck": check} if check else {})}
    return {**model, "services": services}
