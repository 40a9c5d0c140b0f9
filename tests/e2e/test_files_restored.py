"""Files of a volume and the data of Redis come back from a backup, and the old ones are kept."""

import json
import time
from collections.abc import Callable, Iterator

import pyrage
import pytest

from tests.hello import Hello
from tests.rig import Rig

KEY = pyrage.x25519.Identity.generate()


class Gallery:
    """The trivial application with files in a volume, a database and Redis."""

    def __init__(self, app: Hello) -> None:
        self.app = app
        self.host = app.rig.hosts[0]

    def tagship(self, *words: str) -> str:
        """Run a task for the environment."""
        return self.app.tagship(*words, "--env", "host1")

    def web(self, script: str) -> str:
        """Run a script in the live release."""
        found = self.host.docker("ps", "-q", "--filter", f"label=tagship.app={self.app.name}", "--filter", "name=-web-")
        return self.host.docker("exec", found.strip(), "sh", "-c", script)

    def redis(self, *words: str) -> str:
        """Ask Redis."""
        return self.host.docker("exec", f"{self.app.name}-host1-accessories-redis-1", "redis-cli", *words).strip()

    def kept(self, volume: str) -> str:
        """The files in a volume, by name."""
        image = self.app.rig.image("tiny")
        return self.host.docker("run", "--rm", "-v", f"{volume}:/v", "--entrypoint", "ls", image, "-A", "/v")


@pytest.fixture(scope="module")
def gallery(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """One that is deployed and backed up."""
    folder = tmp_path_factory.mktemp("gallery")
    app = Hello(rig, folder / "app", "gallery")
    (folder / "store").mkdir()
    app.environment = {"TAGSHIP_IDENTITY": str(KEY), "POSTGRES_PASSWORD": "not-guessed-by-anybody"}
    app.compose["services"]["web"]["volumes"] = ["media:/media"]
    app.compose["services"]["db"] = {
        "image": rig.image("postgis"),
        "environment": {"POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?}"},
        "volumes": ["data:/var/lib/postgresql/data"],
        "healthcheck": {"test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1"], "interval": "1s"},
    }
    app.compose["services"]["redis"] = {
        "image": rig.image("redis"),
        "command": ["redis-server", "--appendonly", "yes", "--protected-mode", "no"],
        "volumes": ["redis:/data"],
        "healthcheck": {"test": ["CMD", "redis-cli", "ping"], "interval": "1s"},
    }
    app.compose["volumes"] = {"data": {}, "redis": {}, "media": {}}
    app.settings["release"] = {"services": ["web"], "accessories": ["db", "redis"]}
    app.settings["backups"] = {
        "store": f"file://{folder / 'store'}",
        "recipients": [str(KEY.to_public())],
        "redis": ["redis"],
        "volumes": ["media"],
    }
    found = Gallery(app)
    app.commit()
    try:
        found.tagship("accessories.up")
        found.tagship("ship")
        found.web("mkdir /media/a && echo one > /media/a/one && echo .h > /media/.h && chown -R 1234:99 /media/a")
        found.redis("SET", "visits", "41")
        found.tagship("backup.create")
        yield found
    finally:
        app.remove()


def test_all_parts_come_back_at_once_with_their_owners_and_the_old_ones_are_kept(gallery: Gallery) -> None:
    gallery.web("rm -r /media/a; echo late > /media/late")
    gallery.redis("SET", "visits", "99")
    gallery.redis("SET", "late", "1")

    restored = json.loads(gallery.tagship("backup.restore", "--part", "all", "--json"))

    assert gallery.web("cd /media && find . -type f -exec stat -c '%n %u:%g' {} + | sort") == (
        "./.h 0:0\n./a/one 1234:99\n"
    )
    assert (gallery.redis("GET", "visits"), gallery.redis("DBSIZE")) == ("41", "1")
    assert "hello" in gallery.app.get("host1")
    assert gallery.kept(restored["volumes"]["volume:media"]).split() == [".h", "late"]
    assert gallery.kept(restored["volumes"]["redis:redis"])
    assert [entry["why"].partition(" ")[0] for entry in gallery.app.history("host1")[-3:]] == [
        "old", "redis:redis", "volume:media",
    ]  # fmt: skip
    gallery.redis("SET", "visits", "42")  # the append-only file goes on
    gallery.host.docker("restart", f"{gallery.app.name}-host1-accessories-redis-1")
    until(lambda: gallery.redis("GET", "visits") == "42")


def test_one_part_leaves_the_others_alone_and_one_that_isnt_there_is_refused(gallery: Gallery) -> None:
    gallery.redis("SET", "visits", "77")
    gallery.web("echo changed > /media/a/one")

    said = gallery.tagship("backup.restore", "--part", "volume:media")
    refused = gallery.app.run("backup.restore", "--env", "host1", "--part", "volume:films")

    assert gallery.web("cat /media/a/one") == "one\n"
    assert gallery.redis("GET", "visits") == "77"
    assert "also has redis:redis" in said
    assert refused.returncode == 20
    assert "volume:media" in refused.stderr


def test_a_restore_that_fails_after_the_database_was_replaced_says_so(gallery: Gallery) -> None:
    volume, image = f"{gallery.app.name}-host1_media", gallery.app.rig.image("tiny")
    other = gallery.host.docker("run", "-d", "-v", f"{volume}:/v", "--entrypoint", "sleep", image, "60").strip()

    failed = gallery.app.run("backup.restore", "--env", "host1", "--part", "database,volume:media")

    gallery.host.docker("rm", "--force", other)
    assert failed.returncode == 20
    assert "the database had been replaced before" in " ".join(failed.stderr.split())


@pytest.mark.thorough
def test_a_restore_that_is_killed_before_it_exchanges_leaves_the_old_files_in_use(gallery: Gallery) -> None:
    gallery.web("echo newer > /media/a/one")
    restoring = gallery.app.start("backup.restore", "--env", "host1", "--part", "volume:media")
    assert restoring.stderr
    next(line for line in restoring.stderr if "Connect" in line)
    until(lambda: bool(gallery.host.docker("ps", "-q", "--filter", "name=tagship-restore-")))
    restoring.kill()
    restoring.communicate()

    assert gallery.web("cat /media/a/one") in {"newer\n", "one\n"}
    gallery.tagship("lock.release")
    gallery.tagship("backup.restore", "--part", "volume:media")
    assert gallery.web("cat /media/a/one; ls -A /media").split() == ["one", ".h", "a"]
    assert "hello" in gallery.app.get("host1")


@pytest.mark.thorough
def test_a_backup_that_is_killed_while_it_copies_a_volume_leaves_nothing_on_the_server(gallery: Gallery) -> None:
    gallery.web("head -c 300000000 /dev/urandom > /media/film")
    benches = ("ps", "-aq", "--filter", "label=tagship.workbench", "--filter")
    backing_up = gallery.app.start("backup.create", "--env", "host1")
    until(lambda: bool(gallery.host.docker(*benches, f"volume={gallery.app.name}-host1_media")))
    backing_up.kill()
    backing_up.communicate()

    until(lambda: not gallery.host.docker(*benches, "label=tagship.workbench"))
    gallery.web("rm /media/film")


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so; after half a minute the test fails."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
