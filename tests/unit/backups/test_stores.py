"""Which store a URL means, and how large the parts of an upload are."""

import importlib
import os
import sys
from pathlib import Path

import pytest

from tagship.backups.stores import open_store, s3_upload
from tagship.errors import ConfigError, StoreError, ToolError

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


class Vanishing:
    """A stream during which the folder that it is stored in becomes a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, _: int = -1, /) -> bytes:
        """Nothing."""
        for part in self._folder.iterdir():
            part.unlink()
        self._folder.rmdir()
        self._folder.write_text("")
        return b""


def test_a_folder_that_breaks_while_it_is_written_to_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't store shop/a/b: Not a directory"):
        open_store(tmp_path.as_uri()).put("shop/a/b", Vanishing(tmp_path / "shop" / "a"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that ssh reaches: this one. Each call's options are noted in a file."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\necho "$*" | head -n 1 >> {tmp_path}/calls\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o700)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    return tmp_path


def test_names_in_any_encoding_are_listed_and_deleted_over_ssh(server: Path) -> None:
    folder = server / "store" / "shop"
    folder.mkdir(parents=True)
    for name in (b"caf\xe9", b"two\nlines", b"plain"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"x")
    store = open_store(f"ssh://host{server}/store")

    found = [each.name for each in store.names("shop/")]
    store.delete(found[0])

    assert [os.fsencode(name) for name in found] == [b"shop/caf\xe9", b"shop/plain"]
    assert len(list(store.names("shop/"))) == 1


def test_calls_together_share_one_ssh_connection_and_each_has_its_own_again_afterwards(server: Path) -> None:
    (server / "store").mkdir()
    store = open_store(f"ssh://host{server}/store")

    with store.together():
        store.delete("shop/a")
        store.delete("shop/b")
    store.delete("shop/c")

    calls = (server / "calls").read_text().splitlines()
    ways = [next((word for word in call.split() if word.startswith("ControlMaster")), "own") for call in calls]
    assert ways == ["ControlMaster=yes", "ControlMaster=no", "ControlMaster=no", "own"]
