"""What operators see: health, version, errors, CORS, the demo's endpoints."""

import time

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings


@pytest.mark.django_db(transaction=True)
def test_is_healthy_when_everything_is(client: Client) -> None:
    response = client.get("/health/")

    assert response.status_code == 200
    assert response.json() == {
        "status": "healthy",
        "checks": {"database": "ok", "cache": "ok", "disk": "ok", "memory": "ok"},
    }
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_is_unavailable_when_the_cache_is_gone(client: Client, settings: Settings) -> None:
    nowhere = settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {"default": nowhere}

    response = client.get("/health/")

    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert response.json()["checks"]["cache"] != "ok"
    assert response.json()["checks"]["database"] == "ok"


def test_names_the_release_and_no_secret(client: Client) -> None:
    response = client.get("/api/version")

    assert response.json() == {
        "sha": "0123456789abcdef0123456789abcdef01234567",
        "environment": "test",
        "integrations": {"mapbox": True, "idealista": False, "ine": False, "sentry": False},
    }
    assert settings.MAPBOX_TOKEN not in response.text


def test_answers_only_to_its_own_names(client: Client) -> None:
    assert client.get("/api/version", headers={"host": "elsewhere.example.com"}).status_code == 400
    # The container's healthcheck.
    assert client.get("/api/version", headers={"host": "localhost"}).status_code == 200


def test_an_error_is_json(client: Client) -> None:
    response = client.get("/api/nothing")

    assert response.status_code == 404
    assert response.json() == {"error": "Not Found"}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://investor.example.com", True), ("https://elsewhere.example.com", False)],
)
def test_other_origins_need_permission(client: Client, origin: str, allowed: bool) -> None:  # noqa: FBT001
    response = client.get("/api/version", headers={"origin": origin})

    assert ("Access-Control-Allow-Origin" in response.headers) == allowed


def test_the_demo_error_says_no_more_than_its_status(client: Client) -> None:
    client.raise_request_exception = False

    response = client.get("/api/error")

    assert response.status_code == 500
    assert response.json() == {"error": "Internal Server Error"}


def test_slow_is_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    for seconds in ("0.5", "60", "-1", "nan"):
        assert client.get("/api/slow", {"seconds": seconds}).status_code == 200
    assert client.get("/api/slow", {"seconds": "long"}).status_code == 400

    assert slept == [0.5, 5, 0, 0]


def test_stream_comes_in_pieces(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)

    pieces = list(client.get("/api/stream").streaming_content)

    assert len(pieces) == 10
    assert pieces[0] == b"chunk 1 of 10\n"
