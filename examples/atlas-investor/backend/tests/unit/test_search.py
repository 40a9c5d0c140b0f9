"""What a search may ask for."""

import math

import pytest

from properties.search import Box, Circle, InvalidSearchError, Search


def test_reads_a_radius_around_a_point() -> None:
    search = Search.parse({"lat": "38.7", "lon": "-9.1", "radius_km": "5"})

    assert search.area == Circle(38.7, -9.1, 5)


def test_reads_a_bounding_box_and_filters() -> None:
    search = Search.parse({"bbox": "-9.5,38.6,-9.0,38.9", "max_price": "300000", "min_yield": "5"})

    assert search == Search(Box(-9.5, 38.6, -9.0, 38.9), None, 300_000, 5)


def test_empty_parameters_ask_for_nothing() -> None:
    assert Search.parse({"district": "", "max_price": "", "lat": ""}) == Search()


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"lat": "38.7"}, "lon is missing"),
        ({"lat": "north", "lon": "0", "radius_km": "1"}, "lat must be a number"),
        ({"lat": "91", "lon": "0", "radius_km": "1"}, "lat must be between -90 and 90"),
        ({"lat": "1", "lon": "0", "radius_km": "501"}, "radius_km must be between 0 and 500"),
        ({"lat": "nan", "lon": "0", "radius_km": "1"}, "lat must be between"),
        ({"max_price": "-1"}, "max_price must be between"),
        ({"bbox": "1,2,3"}, "four numbers"),
        ({"bbox": "1,2,3,north"}, "four numbers"),
        ({"bbox": "3,2,1,4"}, "west before east"),
        ({"bbox": "-181,0,0,1"}, "in degrees"),
        ({"bbox": "1,2,3,4", "lat": "1"}, "bbox and lat exclude each other"),
    ],
)
def test_says_which_parameter_is_wrong(parameters: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidSearchError, match=problem):
        Search.parse(parameters)


def test_equal_searches_share_a_cache_key_and_others_do_not() -> None:
    keys = {
        Search.parse(parameters).cache_key
        for parameters in (
            {"max_price": "300000"},
            {"max_price": "300000.0", "district": ""},
            {"min_yield": "300000"},
            {"district": "300000"},
        )
    }

    assert len(keys) == 3


@pytest.mark.parametrize("bearing", range(0, 360, 15))
def test_a_circle_lies_inside_its_box(bearing: int) -> None:
    circle = Circle(lat=60, lon=10, radius_km=200)
    distance, lat, angle = circle.radius_km / 6371, math.radians(60), math.radians(bearing)
    to_lat = math.asin(
        math.sin(lat) * math.cos(distance) + math.cos(lat) * math.sin(distance) * math.cos(angle)
    )
    to_lon = math.radians(10) + math.atan2(
        math.sin(angle) * math.sin(distance) * math.cos(lat),
        math.cos(distance) - math.sin(lat) * math.sin(to_lat),
    )

    box = circle.box

    assert box.south - 1e-4 <= math.degrees(to_lat) <= box.north + 1e-4
    assert box.west <= math.degrees(to_lon) <= box.east
