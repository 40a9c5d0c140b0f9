"""Searching and adding properties over HTTP."""

import json
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.test import Client

from properties import jobs
from properties.models import Property

pytestmark = pytest.mark.django_db
NEW = {
    "title": "Rua da Prova 2",
    "district": "Lisboa",
    "price": 250_000,
    "expected_yield": 5.25,
    "area": 70,
    "lat": 38.72,
    "lon": -9.14,
}


@pytest.fixture
def porto(db: None) -> Property:  # noqa: ARG001
    """One property besides those of the data migration."""
    return Property.objects.create(
        reference="TEST-1",
        title="Rua da Prova 1",
        district="Porto",
        price=100_000,
        expected_yield="9.50",
        area=50,
        location=Point(-8.6109, 41.1496, srid=4326),
    )


def references(client: Client, **parameters: object) -> list[str]:
    response = client.get("/api/properties/", parameters)
    assert response.status_code == 200, response.content
    return [found["reference"] for found in response.json()["results"]]


def post(client: Client, data: object) -> Any:
    return client.post("/api/properties/", data, content_type="application/json")


def test_lists_the_best_yield_first(client: Client, porto: Property) -> None:
    found = client.get("/api/properties/").json()

    assert found["count"] == 31
    assert found["results"][0] == {
        "reference": porto.reference,
        "title": "Rua da Prova 1",
        "district": "Porto",
        "price": 100_000,
        "expected_yield": 9.5,
        "area": 50,
        "lat": 41.1496,
        "lon": -8.6109,
    }


def test_finds_what_lies_within_a_radius(client: Client) -> None:
    around = {"lat": 38.7139, "lon": -9.1334}

    assert references(client, **around, radius_km=0.1) == ["PT-0001"]
    assert references(client, **around, radius_km=3) == ["PT-0002", "PT-0001", "PT-0003"]
    # Cascais is 25.1 km away.
    assert "PT-0004" not in references(client, **around, radius_km=25)
    assert "PT-0004" in references(client, **around, radius_km=26)


def test_finds_what_lies_within_a_box(client: Client) -> None:
    assert references(client, bbox="-17,32,-16,33") == ["PT-0017"]


def test_filters_hold_together(client: Client) -> None:
    found = references(client, district="porto", max_price=300_000, min_yield="6.3")

    assert found == ["PT-0007"]


def test_a_search_is_remembered_until_a_property_is_added(client: Client) -> None:
    def cached() -> str:
        return client.get("/api/properties/", {"district": "Lisboa"}).headers["X-Cache"]

    assert [cached(), cached()] == ["miss", "hit"]
    assert post(client, NEW).status_code == 201
    assert cached() == "miss"
    assert len(references(client, district="Lisboa")) == 4


def test_a_wrong_search_says_why(client: Client) -> None:
    response = client.get("/api/properties/", {"lat": "1"})

    assert response.status_code == 400
    assert response.json() == {"error": "lon is missing: lat, lon and radius_km go together"}


def test_adding_one_leaves_its_district_to_the_worker(client: Client) -> None:
    response = post(client, NEW)

    assert response.status_code == 201
    added = response.json()
    assert added == NEW | {"reference": added["reference"]}
    assert jobs.queue().pop(1) == {
        "name": "district-statistics",
        "arguments": {"district": "Lisboa"},
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": 0}, "price"),
        ({"expected_yield": 51}, "expected_yield"),
        ({"lat": 91}, "lat"),
        ({"title": ""}, "title"),
        ({"area": None}, "area"),
    ],
)
def test_a_wrong_property_is_refused_with_the_field(
    client: Client, change: dict[str, object], field: str
) -> None:
    response = post(client, NEW | change)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


@pytest.mark.parametrize("body", ["", "[]", "{", json.dumps("text")])
def test_only_an_object_is_a_property(client: Client, body: str) -> None:
    response = post(client, body)

    assert response.status_code == 400
    assert response.json() == {"error": "the body must be a JSON object"}


def test_districts_have_statistics_whether_or_not_the_worker_came_by(
    client: Client, porto: Property
) -> None:
    del porto

    def figures() -> dict[str, Any]:
        results = client.get("/api/districts/").json()["results"]
        return next(district for district in results if district["district"] == "Porto")

    expected = {
        "district": "Porto",
        "properties": 4,
        "average_price": 234_500,
        "average_yield": 6.59,
    }
    assert figures() == expected
    assert figures() == expected
