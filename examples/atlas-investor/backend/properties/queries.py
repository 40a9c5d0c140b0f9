"""Searches in PostGIS, remembered in Redis."""

import time
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.gis.geos import Point, Polygon
from django.contrib.gis.measure import D
from django.core.cache import cache
from django.db.models import Avg, Count, QuerySet

from properties.models import Property
from properties.search import MAX_RESULTS, Box, Circle, Search

# Two releases share the cache while one replaces the other: raise this when what is stored changes.
FORMAT = 1
GENERATION = "properties:generation"


def find(search: Search) -> tuple[list[dict[str, Any]], bool]:
    """Return the properties that match, best yield first, and whether Redis knew them already."""
    key = f"search:{FORMAT}:{cache.get(GENERATION, 0)}:{search.cache_key}"
    found = cache.get(key)
    if found is not None:
        return found, True
    found = [as_json(match) for match in matches(search)[:MAX_RESULTS]]
    cache.set(key, found, timeout=settings.SEARCH_CACHE_SECONDS)
    return found, False


def forget_searches() -> None:
    """Make every remembered search unreachable; Redis drops them when they expire."""
    cache.set(GENERATION, time.time_ns(), timeout=None)


def matches(search: Search) -> QuerySet[Property]:
    properties = Property.objects.all()
    match search.area:
        case Box() as box:
            properties = properties.filter(location__bboverlaps=_polygon(box))
        case Circle(lat, lon, radius_km) as circle:
            # The box uses the spatial index, the sphere then decides.
            properties = properties.filter(
                location__bboverlaps=_polygon(circle.box),
                location__distance_lte=(Point(lon, lat, srid=4326), D(km=radius_km)),
            )
    if search.district is not None:
        properties = properties.filter(district__iexact=search.district)
    if search.max_price is not None:
        properties = properties.filter(price__lte=search.max_price)
    if search.min_yield is not None:
        properties = properties.filter(expected_yield__gte=search.min_yield)
    return properties


def district_statistics(district: str) -> dict[str, Any]:
    """Return a district's figures as the worker last computed them; computed now if it hasn't."""
    return cache.get(_statistics_key(district)) or compute_statistics(district)


def compute_statistics(district: str) -> dict[str, Any]:
    """Compute a district's figures and remember them."""
    figures = Property.objects.filter(district=district).aggregate(
        properties=Count("id"), price=Avg("price"), expected_yield=Avg("expected_yield")
    )
    statistics = {
        "district": district,
        "properties": figures["properties"],
        "average_price": round(figures["price"] or 0),
        "average_yield": round(float(figures["expected_yield"] or 0), 2),
    }
    cache.set(_statistics_key(district), statistics, timeout=None)
    return statistics


def all_districts() -> list[str]:
    return list(Property.objects.order_by("district").values_list("district", flat=True).distinct())


def as_json(match: Property) -> dict[str, Any]:
    """Write a property as the API shows it."""
    return {
        "reference": match.reference,
        "title": match.title,
        "district": match.district,
        "price": match.price,
        "expected_yield": float(match.expected_yield),
        "area": match.area,
        "lat": match.location.y,
        "lon": match.location.x,
    }


def _polygon(box: Box) -> Polygon:
    polygon = Polygon.from_bbox((box.west, box.south, box.east, box.north))
    polygon.srid = 4326
    return polygon


def _statistics_key(district: str) -> str:
    return f"statistics:{FORMAT}:{quote(district)}"
