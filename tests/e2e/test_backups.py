"""A database of real PostGIS is backed up, lost, restored and drilled; whatever is cut off loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest

from tagship.backups import manifest
from tests.e2e.test_connection import ssh_of
from tests.hello import Hello
from tests.rig import Rig

KEY, OTHER = (pyrage.x25519.Identity.generate() for _ in range(2))
FILL = """
CREATE ROLE reader NOLOGIN;
CREATE TABLE person (id serial PRIMARY KEY, name text NOT NULL, at geometry(Point, 4326));
INSERT INTO person (name, at)
  SELECT 'P' || i, ST_SetSRID(ST_MakePoint(-9, i % 80), 4326) FROM generate_series(1, 5000) i;
CREATE TABLE visit (id serial PRIMARY KEY, person int NOT NULL REFERENCES person, note text);
INSERT INTO visit (person, note) SELECT 1 + i % 5000, md5(i::text) FROM generate_series(1, 20000) i;
CREATE INDEX ON person USING gist (at);
GRANT SELECT ON person TO reader;
ALTER DATABASE shop SET search_path = public, pg_catalog;
ALTER DATABASE shop SET statement_timeout = '1h';
"""
CHECKSUM = "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t"
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK%'"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK%'"
UNBLOCK = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
PSQL = ("psql", "-U", "shop", "-d", "shop", "-v", "ON_ERROR_STOP=1", "-At")


class Shop:
    """The trivial application with a database beside it."""

    def __init__(self, app: Hello, store: Path) -> None:
        self.app, self.store = app, store
        self.host = app.rig.hosts[0]
        app.environment = {"TAGSHIP_IDENTITY": str(KEY), "POSTGRES_PASSWORD": "not-guessed-by-anybody"}

    def sql(self, *commands: str, database: str = "shop") -> str:
        """Run SQL in the accessory. Returns what it prints."""
        words = [word for command in commands for word in ("-c", command)]
        return self.host.docker(
            "exec", f"{self.app.name}-host1-accessories-db-1", *PSQL[:4], database, *PSQL[5:], *words
        ).strip()

    def tagship(self, *words: str) -> str:
        """Run a task for the environment."""
        return self.app.tagship(*words, "--env", "host1")

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The same, whether it succeeds or fails."""
        return self.app.run(*words, "--env", "host1", env=env)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The same, without waiting for it."""
        return self.app.start(*words, "--env", "host1")

    def backups(self) -> list[Path]:
        """The backups that count."""
        return sorted(self.store.rglob("manifest.json"))

    def databases(self) -> list[str]:
        """The server's databases."""
        return self.sql("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").splitlines()

    def workbenches(self) -> list[str]:
        """What runs on the server for a backup, a restore or a drill."""
        return self.host.docker("ps", "-aq", "--filter", "label=tagship.workbench").split()

    def state(self) -> tuple[str, ...]:
        """A checksum of every row, and what else must come back."""
        return (
            *(self.sql(CHECKSUM.format(table=table)) for table in ("person", "visit")),
            self.sql("SHOW search_path"),
            self.sql("SELECT has_table_privilege('reader', 'person', 'SELECT')"),
            self.sql("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'"),
        )


@pytest.fixture(scope="module")
def started(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A deployed application with a filled database and an empty store, started once."""
    folder = tmp_path_factory.mktemp("shop")
    app = Hello(rig, folder / "app", "shop")
    store = folder / "store"
    store.mkdir()
    app.compose["services"]["db"] = {
        "image": rig.image("postgis"),
        "environment": {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?}"},
        "volumes": ["data:/var/lib/postgresql/data"],
        "healthcheck": {"test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "shop"], "interval": "1s"},
    }
    app.compose["volumes"] = {"data": {}}
    app.settings["release"] = {"services": ["web"], "accessories": ["db"]}
    app.settings["backups"] = {
        "store": f"file://{store}",
        "recipients": [str(KEY.to_public())],
        "drill": {"check": {"people": "SELECT count(*) = 5000 FROM person"}},
    }
    shop = Shop(app, store)
    app.commit()
    try:
        shop.tagship("accessories.up")
        shop.tagship("ship")
        shop.sql(FILL)
        yield shop
    finally:
        app.remove()


@pytest.fixture
def shop(started: Shop) -> Iterator[Shop]:
    """The same shop for every test, as it was before: nothing left on the server."""
    before = started.state()
    yield started
    assert started.workbenches() == []
    assert started.state() == before


def test_what_was_lost_comes_back_row_for_row_and_the_database_before_is_kept(shop: Shop) -> None:
    before = shop.state()
    made = json.loads(shop.tagship("backup.create", "--json"))
    shop.sql("DROP TABLE visit", "DELETE FROM person WHERE id > 100", "INSERT INTO person (name) VALUES ('late')")

    restored = json.loads(shop.tagship("backup.restore", "--json"))

    assert shop.state() == before
    assert restored["backup"] == made["id"]
    assert shop.sql("SELECT count(*) FROM person", database=restored["kept"]) == "101"
    assert made["database"]["rows"] == {"public.person": 5000, "public.visit": 20000}
    assert [entry["backup"] for entry in shop.app.history("host1") if entry["action"] == "restore"][-1] == made["id"]
    shop.sql(f"DROP DATABASE {restored['kept']}")


def test_nothing_readable_and_no_password_lies_in_the_store(shop: Shop) -> None:
    shop.tagship("backup.create")

    opened = shop.tagship("backup.verify")
    looked = shop.run("backup.verify", TAGSHIP_IDENTITY="")
    stored = b"".join(path.read_bytes() for path in shop.store.rglob("*") if path.is_file())

    assert b"P4999" not in stored
    assert b"not-guessed" not in stored
    assert opened.endswith("is whole.\n")
    assert "not opened" in looked.stdout


@pytest.mark.thorough
def test_a_restore_can_go_beside_and_then_changes_nothing(shop: Shop) -> None:
    shop.tagship("backup.create")

    shop.tagship("backup.restore", "--into", "looked_at")

    assert shop.sql("SELECT count(*) FROM visit", database="looked_at") == "20000"
    refused = shop.run("backup.restore", "--into", "looked_at")
    assert (refused.returncode, "exists already" in refused.stderr) == (20, True)
    shop.sql("DROP DATABASE looked_at")


@pytest.mark.thorough
def test_a_bare_server_gets_roles_settings_and_grants_back_and_the_store_learns_none(shop: Shop) -> None:
    shop.sql(
        "CREATE ROLE auditor NOLOGIN",
        "GRANT auditor TO reader",
        "ALTER ROLE auditor SET app.secret = 'it''s geheim'",
        "GRANT CONNECT ON DATABASE shop TO auditor WITH GRANT OPTION",
    )
    made = json.loads(shop.tagship("backup.create", "--json"))
    shop.sql(
        "DROP OWNED BY auditor",
        "DROP ROLE auditor",
        "ALTER DATABASE shop RESET ALL",
        "UPDATE pg_database SET datacl = NULL WHERE datname = 'shop'",
    )

    kept = json.loads(shop.tagship("backup.restore", "--json"))["kept"]

    assert shop.sql("SELECT pg_has_role('reader', 'auditor', 'member')") == "t"
    assert shop.sql("SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'auditor'::regrole") == (
        '{"app.secret=it\'s geheim"}'
    )
    assert shop.sql("SELECT datacl::text LIKE '%auditor=c*/%' FROM pg_database WHERE datname = 'shop'") == "t"
    assert (shop.sql("SHOW statement_timeout"), shop.sql("SHOW search_path")) == ("1h", "public, pg_catalog")
    assert b"geheim" not in b"".join(path.read_bytes() for path in (shop.store / "shop-host1" / made["id"]).iterdir())
    shop.sql(f"DROP DATABASE {kept}", "DROP OWNED BY auditor", "DROP ROLE auditor")


@pytest.mark.thorough
def test_a_backup_of_another_environment_leaves_its_owner_behind(shop: Shop) -> None:
    shop.sql(
        "CREATE ROLE stranger NOLOGIN", "ALTER TABLE visit OWNER TO stranger", "ALTER DATABASE shop OWNER TO stranger"
    )
    made = json.loads(shop.tagship("backup.create", "--json"))["id"]
    shop.sql("ALTER TABLE visit OWNER TO shop", "ALTER DATABASE shop OWNER TO shop")
    other = shop.store / "shop-host2" / made
    shutil.copytree(shop.store / "shop-host1" / made, other)
    path = other / "manifest.json"
    path.chmod(0o600)
    path.write_bytes(manifest.encode(replace(manifest.decode(path.read_bytes()), environment="host2")))

    kept = json.loads(shop.tagship("backup.restore", "--of", "host2", "--json"))["kept"]

    owners = "SELECT tableowner FROM pg_tables WHERE tablename = 'visit'"
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'"
    assert (shop.sql(owners), shop.sql(owner)) == ("shop", "shop")
    shop.sql(f"DROP DATABASE {kept}", "DROP ROLE stranger")
    shutil.rmtree(shop.store / "shop-host2")


def test_a_drill_measures_and_says_what_it_checked(shop: Shop, tmp_path: Path) -> None:
    shop.tagship("backup.create")

    shop.tagship("backup.drill", "--receipt", str(tmp_path / "receipt.json"))

    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert [(check["name"], check["passed"]) for check in receipt["checks"]] == [
        ("loads", True), ("roles and settings", True), ("rows and migrations", True), ("people", True),
        ("health of the release", True),
    ]  # fmt: skip
    assert 0 <= receipt["rpo"] < 120
    assert receipt["rows"] == 25000
    entry = shop.app.history("host1")[-1]
    assert (entry["action"], entry["result"], entry["rto"]) == ("drill", "ok", receipt["rto"])


@pytest.mark.thorough
def test_a_drill_fails_if_a_question_of_yours_has_another_answer(shop: Shop) -> None:
    shop.sql("INSERT INTO person (name) VALUES ('one too many')")
    shop.tagship("backup.create")
    shop.sql("DELETE FROM person WHERE name = 'one too many'")

    failed = shop.run("backup.drill")

    assert failed.returncode == 20
    assert "people" in failed.stderr
    assert shop.app.history("host1")[-1]["result"] == "failed"


def test_a_killed_backup_is_not_listed_and_leaves_nothing_on_the_server(shop: Shop) -> None:
    there = len(shop.backups())
    with blocked(shop):  # pg_dump waits for the table
        backing_up = shop.start("backup.create")
        until(lambda: bool(shop.sql(WAITING)))
        second = shop.run("backup.create")
        backing_up.kill()
        backing_up.communicate()
        until(lambda: not shop.workbenches())

    assert second.returncode == 10, second.stderr
    assert len(shop.backups()) == there
    shop.tagship("backup.create")
    assert len(shop.backups()) == there + 1


@pytest.mark.thorough
def test_a_restore_that_is_killed_while_it_loads_has_touched_nothing_and_the_next_one_tidies_up(shop: Shop) -> None:
    shop.tagship("backup.create")
    restoring = shop.start("backup.restore")
    until(lambda: any("_restore_" in name for name in shop.databases()))
    restoring.kill()
    restoring.communicate()
    until(lambda: not shop.workbenches())

    assert "503" in shop.app.get_at(f"{shop.app.settings['environments']['host1']['url']}/")
    shop.tagship("lock.release")
    shop.tagship("deploy")
    assert "hello" in shop.app.get("host1")
    shop.tagship("backup.restore", "--into", "looked_at")
    assert [name for name in shop.databases() if "_restore_" in name] == []
    shop.sql("DROP DATABASE looked_at")


def test_a_restore_that_is_killed_while_it_swaps_leaves_a_whole_database(shop: Shop) -> None:
    shop.tagship("backup.create")
    restoring = shop.start("backup.restore")
    assert restoring.stderr
    for line in restoring.stderr:
        if "Load backup" in line:
            break
    time.sleep(0.1)
    restoring.kill()
    restoring.communicate()
    until(lambda: not shop.workbenches())

    assert shop.databases().count("shop") == 1
    shop.tagship("lock.release")
    shop.tagship("deploy")
    for name in shop.databases():
        if name.startswith("shop_"):
            shop.sql(f"DROP DATABASE {name}")


def test_whoever_has_another_key_gets_nothing_and_changes_nothing(shop: Shop) -> None:
    shop.tagship("backup.create")

    refused = shop.run("backup.restore", TAGSHIP_IDENTITY=str(OTHER))

    assert refused.returncode == 20
    assert "No identity fits" in refused.stderr
    assert "hello" in shop.app.get("host1")
    assert shop.databases() == ["postgres", "shop"]


@pytest.mark.parametrize("file", ["manifest.json", "postgres-db.zst.age"])
def test_a_changed_byte_is_noticed_before_anything_is_replaced(shop: Shop, file: str) -> None:
    made = json.loads(shop.tagship("backup.create", "--json"))
    path = shop.store / "shop-host1" / made["id"] / file
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)

    refused = shop.run("backup.restore", "--at", made["id"])
    looked = shop.run("backup.verify", "--at", made["id"])

    assert (refused.returncode, looked.returncode) == (20, 20)
    assert "changed" in refused.stderr
    assert shop.databases() == ["postgres", "shop"]
    path.unlink()


def test_a_database_that_stops_in_mid_dump_makes_no_backup(shop: Shop) -> None:
    there = len(shop.backups())
    with blocked(shop):
        backing_up = shop.start("backup.create")
        until(lambda: bool(shop.sql(WAITING)))
        shop.sql(END)
        _, errors = backing_up.communicate(timeout=60)

    assert backing_up.returncode == 20, errors
    assert "pg_dump failed" in errors
    assert len(shop.backups()) == there


def test_a_backup_and_a_deploy_at_once_under_load_disturb_neither_each_other_nor_a_request(shop: Shop) -> None:
    sha = shop.app.commit()
    load = shop.app.load("host1")
    backing_up = shop.start("backup.create", "--json")

    shop.tagship("ship")

    said, errors = backing_up.communicate(timeout=120)
    requests = load.stop()
    assert backing_up.returncode == 0, errors
    assert (requests["failures"], sha in shop.app.get("host1")) == ([], True)
    assert json.loads(said)["database"]["rows"] == {"public.person": 5000, "public.visit": 20000}
    shop.tagship("backup.verify", "--at", json.loads(said)["id"])


@pytest.mark.thorough
def test_a_restore_whose_connection_is_cut_has_touched_nothing_and_opens_the_site_again(shop: Shop) -> None:
    shop.tagship("backup.create")
    with tempfile.TemporaryDirectory(prefix="e2e-", dir="/tmp") as temporary:
        restoring = shop.app.start("backup.restore", "--env", "host1", env={"TMPDIR": temporary})
        until(lambda: any("_restore_" in name for name in shop.databases()))
        for process in ssh_of(Path(temporary)):
            os.kill(process, signal.SIGKILL)
        _, said = restoring.communicate(timeout=90)

    assert restoring.returncode == 8, said
    assert "Traceback" not in said
    assert "hello" in shop.app.get("host1")
    assert "Nobody" in shop.tagship("lock.status")
    until(lambda: not shop.workbenches())
    kept = json.loads(shop.tagship("backup.restore", "--json"))["kept"]
    assert [name for name in shop.databases() if "_restore_" in name] == []
    shop.sql(f"DROP DATABASE {kept}")


class blocked:  # noqa: N801 - reads as the block it is
    """A table that nobody can read meanwhile."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def __enter__(self) -> None:
        argv = ["exec", "-d", f"{self._shop.app.name}-host1-accessories-db-1", *PSQL]
        self._shop.host.docker(*argv, "-c", "BEGIN; LOCK TABLE visit; SELECT pg_sleep(30); COMMIT")
        until(lambda: bool(self._shop.sql("SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted")))

    def __exit__(self, *_: object) -> None:
        self._shop.sql(UNBLOCK)


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so; after half a minute the test fails."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
