"""Which store a URL means, and how large the parts of an upload are."""

import importlib
import sys

import pytest

from tagship.backups.stores import open_store, s3_upload
from tagship.errors import ConfigError, ToolError

MIB, TIB = 1 << 20, 1 << 40


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-west-1", "S3"),
        ("ssh://backup@example.com:2222/srv/backups", "Ssh"),
        ("file:///srv/backups", "Folder"),
    ],
)
def test_a_url_means_a_store(url: str, kind: str) -> None:
    store = open_store(url)

    assert (type(store).__name__, store.url) == (kind, url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "s3://",
        "s3://bucket?profile=x",
        "s3://bucket#x",
        "ssh://-oProxyCommand=evil/srv",
        "ssh://-evil@host/srv",
        "ssh://user:secret@host/srv",
        "ssh://host:port/srv",
        "file://relative",
        "file:///srv?x=1",
    ],
)
def test_a_url_that_means_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(url)

    assert "secret" not in str(caught.value)


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    for name in [name for name in sys.modules if name.startswith("tagship.backups.stores.s3")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("tagship.backups.stores.s3", raising=False)

    with pytest.raises(ToolError, match="boto3 is not installed") as caught:
        open_store("s3://bucket")

    assert "tagship[backups]" in caught.value.hint


def test_without_age_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    monkeypatch.delitem(sys.modules, "tagship.backups.encryption", raising=False)

    with pytest.raises(ToolError, match="pyrage is not installed"):
        importlib.import_module("tagship.backups.encryption")


def test_the_parts_that_s3_allows_hold_terabytes() -> None:
    assert sum(map(s3_upload.part_size, range(1, 10_001))) > 2 * TIB


def test_memory_stays_constant_up_to_a_large_object() -> None:
    size = number = 0
    while size < 65 << 30:
        number += 1
        part = s3_upload.part_size(number)
        size += part

        assert part * (1 + s3_upload.at_once(part)) <= 64 * MIB
