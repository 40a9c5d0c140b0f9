"""Tests of the patterns of engine calls."""

import pytest

from tests.rights import calls


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/v1.51/containers/4f/json", "/containers/[^/]+/json"),
        ("/v1.51/containers/json", "/containers/json"),
        ("/containers/create", "/containers/create"),
        ("/v1.41/images/host:5000/shop/web:1/json", "/images/.+/json"),
        ("/v1.41/images/json", "/images/json"),
        ("/v1.41/images/host:5000/shop/web:1", "/images/.+"),
        ("/v1.41/distribution/host:5000/shop/web:1/json", "/distribution/.+/json"),
        ("/exec/4f/start", "/exec/[^/]+/start"),
        ("/_ping", "/_ping"),
    ],
)
def test_names_ids_and_the_apis_version_are_left_open(path: str, pattern: str) -> None:
    assert calls.pattern(path) == pattern


def test_the_pages_table_is_read_back() -> None:
    listed = calls.listed()

    assert "/containers/create" in listed["POST"]
    assert all(pattern.startswith("/") for patterns in listed.values() for pattern in patterns)
