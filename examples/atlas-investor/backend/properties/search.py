"""What a search may ask for, read from a query string without touching the database."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Self

KILOMETRES_PER_DEGREE = 111.195  # of latitude, on a sphere of 6,371 km
MAX_RADIUS_KM = 500.0
MAX_RESULTS = 200


class InvalidSearchError(ValueError):
    """Says which parameter is wrong and what it should look like."""


@dataclass(frozen=True)
class Box:
    """A bounding box in degrees, in GeoJSON's order."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, other: "Box") -> bool:
        return (
            self.west <= other.west
            and self.south <= other.south
            and other.east <= self.east
            and other.north <= self.north
        )


WORLD = Box(-180, -90, 180, 90)


@dataclass(frozen=True)
class Circle:
    """Everything within a radius of a point."""

    lat: float
    lon: float
    radius_km: float

    @property
    def box(self) -> Box:
        """A box around the circle, which an index can look up; not across the 180th meridian."""
        height = self.radius_km / KILOMETRES_PER_DEGREE
        width = height / max(math.cos(math.radians(abs(self.lat) + height)), 0.01)
        return Box(self.lon - width, self.lat - height, self.lon + width, self.lat + height)


@dataclass(frozen=True)
class Search:
    """Filters that all hold; equal searches share one entry in the cache."""

    area: Box | Circle | None = None
    district: str | None = None
    max_price: float | None = None
    min_yield: float | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Self:
        """Read `bbox` or `lat`, `lon`, `radius_km`, and `district`, `max_price`, `min_yield`.

        Raises InvalidSearchError.
        """
        return cls(
            area=_area(parameters),
            district=parameters.get("district") or None,
            max_price=_optional(parameters, "max_price"),
            min_yield=_optional(parameters, "min_yield"),
        )

    @property
    def cache_key(self) -> str:
        """A key that memcached and Redis both accept."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()


def _area(parameters: Mapping[str, str]) -> Box | Circle | None:
    given = [name for name in ("lat", "lon", "radius_km") if parameters.get(name)]
    if "bbox" in parameters:
        if given:
            raise InvalidSearchError(f"bbox and {given[0]} exclude each other")
        return _box(parameters["bbox"])
    if not given:
        return None
    lat = _number(parameters, "lat", at_least=-90, at_most=90)
    lon = _number(parameters, "lon", at_least=-180, at_most=180)
    return Circle(lat, lon, _number(parameters, "radius_km", at_least=0, at_most=MAX_RADIUS_KM))


def _box(text: str) -> Box:
    try:
        box = Box(*(float(part) for part in text.split(",")))
    except (TypeError, ValueError):
        raise InvalidSearchError("bbox must be four numbers: west,south,east,north") from None
    if not (box.west < box.east and box.south < box.north and WORLD.holds(box)):
        raise InvalidSearchError("bbox must be west,south,east,north in degrees, west before east")
    return box


def _optional(parameters: Mapping[str, str], name: str) -> float | None:
    return _number(parameters, name, at_least=0) if parameters.get(name) else None


def _number(
    parameters: Mapping[str, str], name: str, *, at_least: float, at_most: float = 1e9
) -> float:
    try:
        value = float(parameters[name])
    except KeyError:
        raise InvalidSearchError(f"{name} is missing: lat, lon and radius_km go together") from None
    except ValueError:
        raise InvalidSearchError(f"{name} must be a number") from None
    if not at_least <= value <= at_most:
        raise InvalidSearchError(f"{name} must be between {at_least:g} and {at_most:g}")
    return value
