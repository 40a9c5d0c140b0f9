"""Creates an environment's volumes as the Compose file says, and compares existing ones with it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tagship.engine.client import Engine
from tagship.release import markers
from tagship.release.model import Volume
from tagship.secret import Secret

LOCAL = "local"
"""The engine's default driver."""


@dataclass(frozen=True)
class Standing:
    """A volume on an engine."""

    driver: str = LOCAL
    options: Mapping[str, str] = field(default_factory=dict)


def existing(engine: Engine) -> dict[str, Standing]:
    """Name → volume, for every volume of an engine, of all apps."""
    found = engine.get("/volumes").get("Volumes") or ()
    return {volume["Name"]: Standing(volume["Driver"], volume.get("Options") or {}) for volume in found}


def ensure(engine: Engine, wanted: Iterable[Volume], labels: Mapping[str, str], secrets: Mapping[str, Secret]) -> None:
    """Create missing volumes. Requests for existing ones change nothing."""
    for volume in wanted:
        settings = {
            "Name": volume.name,
            "Driver": volume.driver or LOCAL,
            "DriverOpts": _plain(volume.options, secrets),
            "Labels": {**_plain(volume.labels, secrets), **labels},
        }
        engine.call("POST", "/volumes/create", settings)


def findings(
    wanted: Iterable[Volume], external: Iterable[str], there: Mapping[str, Standing], secrets: Mapping[str, Secret]
) -> Iterator[str]:
    """Each volume that differs from the Compose file, in one line, without the options' values."""
    for name in sorted(set(external) - there.keys()):
        yield (
            f"The server has no volume {name}, which the Compose file calls external: create it there "
            f"(`docker volume create {name}`), or remove `external`, and Tagship creates one."
        )
    for volume in wanted:
        stands = there.get(volume.name)
        if stands and (differing := sorted(_differing(volume, stands, secrets))):
            yield (
                f"The volume {volume.name} has another {', '.join(differing)} than in the Compose file. "
                "Tagship never changes a volume, as its data would seem lost: restore the old setting, or give the "
                "file's volume another name and copy the data over."
            )


def _differing(volume: Volume, stands: Standing, secrets: Mapping[str, Secret]) -> Iterator[str]:
    if stands.driver != (volume.driver or LOCAL):
        yield "driver"
    options = _plain(volume.options, secrets)
    # a secret may have changed since the volume was created; its value proves no mistake
    secret = {key for key, value in volume.options.items() if markers.secret_names(value)}
    yield from (
        f"driver_opts.{key}"
        for key in sorted(options.keys() | stands.options.keys())
        if (key not in stands.options if key in secret else options.get(key) != stands.options.get(key))
    )


def _plain(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> dict[str, str]:
    """The values without Compose's escaping of `$`."""
    return {key: str(markers.fill(value, secrets)).replace("$$", "$") for key, value in values.items()}
