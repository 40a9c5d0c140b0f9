"""A store whose writer or server is killed: nothing that is there in part is ever listed, and it can be swept."""

import contextlib
import io
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tagship.backups.store import Store
from tagship.backups.stores import open_store
from tagship.errors import StoreError
from tagship.testing import MemoryStore
from tests.contract.test_stores import NAME, Endless, content
from tests.rig import Host

TOMORROW = datetime.now(UTC) + timedelta(days=1)
WRITER = """
import sys, time
from tagship.backups.stores import open_store

class Slow:
    left = 30
    def read(self, size=-1):
        self.left -= 1
        if self.left < 10:
            print("begun", flush=True)
            time.sleep(0.5)
        return b"x" * min(1_000_000, size) if self.left else b""

open_store(sys.argv[1]).put(sys.argv[2], Slow())
"""


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true within 5 s."""
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def test_a_writer_that_is_killed_leaves_nothing_but_what_is_swept(store: Store) -> None:
    if isinstance(store, MemoryStore):
        return  # it dies with its writer
    with subprocess.Popen([sys.executable, "-c", WRITER, store.url, NAME], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"begun\n"
        os.kill(writer.pid, signal.SIGKILL)
    time.sleep(0.5)  # what it had sent already arrives

    assert list(store.names("")) == []
    assert store.sweep("shop-production/", datetime.now(UTC) - timedelta(days=1)) == 0
    assert store.sweep("shop-production/", TOMORROW) == 1
    assert store.sweep("", TOMORROW) == 0
    store.put(NAME, io.BytesIO(b"again"))
    assert content(store, NAME) == b"again"


def test_a_connection_that_is_cut_in_the_middle_leaves_nothing(backup_server: tuple[Host, str]) -> None:
    host, folder = backup_server
    store = open_store(f"{host.ssh_url}{folder}")

    class Cut(Endless):
        def read(self, size: int = -1, /) -> bytes:
            if self.left < 10_000_000 < self.left + 200_000:
                with contextlib.suppress(Exception):
                    host.run(["pkill", "-KILL", "-u", "deploy", "sshd"])
            return super().read(size)

    with pytest.raises(StoreError, match="can't be reached"):
        store.put(NAME, Cut(20_000_000))

    assert list(store.names("")) == []
    assert eventually(lambda: store.sweep("", TOMORROW) == 0)


def test_a_download_whose_connection_is_cut_fails(backup_server: tuple[Host, str]) -> None:
    host, folder = backup_server
    store = open_store(f"{host.ssh_url}{folder}")
    store.put(NAME, Endless(20_000_000))

    with store.get(NAME) as source:
        source.read(1_000_000)
        host.run(["pkill", "-KILL", "-u", "deploy", "sshd"])
        with pytest.raises(StoreError, match="can't be reached"):
            list(iter(lambda: source.read(1_000_000), b""))


def test_a_servers_disk_that_is_full_leaves_nothing(backup_server: tuple[Host, str]) -> None:
    host, folder = backup_server
    host.run(["mount", "-t", "tmpfs", "-o", "size=1m,uid=1000,mode=0777", "none", folder])
    try:
        store = open_store(f"{host.ssh_url}{folder}")
        with pytest.raises(StoreError, match="No space left on device"):
            store.put(NAME, Endless(5_000_000))

        assert list(store.names("")) == []
        store.put(NAME, io.BytesIO(b"there is room again"))
    finally:
        host.run(["umount", folder])


@pytest.mark.parametrize("task", ["put", "delete"])
def test_a_server_that_denies_it_is_said(backup_server: tuple[Host, str], task: str) -> None:
    host, folder = backup_server
    store = open_store(f"{host.ssh_url}{folder}")
    store.put(NAME, io.BytesIO(b"."))
    host.run(["chmod", "-R", "a-w", folder])
    host.run(["chown", "-R", "root", folder])
    host.run(["chmod", "-R", "a+rX", folder])

    with pytest.raises(StoreError, match="Permission denied"):
        store.put("other/x", io.BytesIO(b".")) if task == "put" else store.delete(NAME)
    assert [each.name for each in store.names("")] == [NAME]


def test_a_folder_that_is_missing_or_a_server_that_is_unknown_is_said(backup_server: tuple[Host, str]) -> None:
    host, folder = backup_server
    with pytest.raises(StoreError, match="its folder doesn't exist"):
        list(open_store(f"{host.ssh_url}{folder}/{secrets.token_hex(4)}").names(""))
    with pytest.raises(StoreError, match="can't be reached"):
        open_store(f"ssh://stranger@{host.address}{folder}").put(NAME, io.BytesIO(b"."))


@pytest.mark.parametrize("name", ["it's $HOME", 'with "quotes" `id`', "ünïcode", "-rf"])
def test_a_folders_name_is_no_shell_code(backup_server: tuple[Host, str], name: str) -> None:
    host, folder = backup_server
    host.run(["install", "-d", "-o", "deploy", f"{folder}/{name}"])
    store = open_store(f"{host.ssh_url}{folder}/{quote(name)}")

    store.put(NAME, io.BytesIO(b"data"))

    assert content(store, NAME) == b"data"
    assert host.run(["cat", f"{folder}/{name}/{NAME}"]) == "data"
