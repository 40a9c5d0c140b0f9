"""Migrations of a real Django application on a real PostgreSQL."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.rig import Rig
from tests.shop import Shop

HOST = "host1"
COLUMNS = """SELECT string_agg(attname, ' ') FROM pg_attribute
    WHERE attrelid = 'shop_item'::regclass AND attnum > 0 AND NOT attisdropped"""
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'"


@pytest.fixture(scope="module")
def shop(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The application, its first version live. Each test adds migrations to those of the tests before."""
    app = Shop(rig, tmp_path_factory.mktemp("shop") / "app", "shop")
    app.commit()
    app.tagship("accessories.up", "--env", HOST)
    app.ship(HOST)
    yield app
    app.remove()


def test_a_migration_waits_for_a_lock_and_no_request_fails_meanwhile(shop: Shop) -> None:
    shop.settings["release"]["migrations"] |= {"lock-timeout": "500ms"}
    shop.field("note = models.CharField(max_length=9, null=True)")
    shop.migration(
        "0002_note", "0001_first", 'migrations.AddField("item", "note", models.CharField(max_length=9, null=True))'
    )
    shop.commit()
    load = shop.load(HOST, [["/", None, True], ["/", None, False], ["/", "x", True]])
    reading = _transaction(shop, "LOCK TABLE shop_item IN ACCESS SHARE MODE; SELECT pg_sleep(600)")
    deploying = shop.start("ship", "--env", HOST, "--json")

    _until(lambda: shop.sql(HOST, BLOCKED).strip() != "0", 60)
    time.sleep(4)  # long enough for three tries
    _end(shop, "pg_sleep(600)")
    out, err = deploying.communicate(timeout=60)
    reading.wait(10)
    seen = load.stop()

    assert deploying.returncode == 0, err
    assert json.loads(out)["migrations"] == ["shop.0002_note"]
    assert (seen["failures"], seen["requests"] > 50) == ([], True)


def test_migrations_that_were_killed_between_two_are_finished_by_the_next_deploy(shop: Shop) -> None:
    shop.migration("0003_a", "0002_note", 'migrations.RunSQL("ALTER TABLE shop_item ADD a integer")')
    slow = 'migrations.RunSQL("ALTER TABLE shop_item ADD b integer; SELECT pg_sleep(6)")'
    shop.migration("0004_b", "0003_a", slow)
    shop.migration("0005_c", "0004_b", 'migrations.RunSQL("ALTER TABLE shop_item ADD c integer")')
    shop.commit()
    deploying = shop.start("ship", "--env", HOST)
    _until(lambda: "0003_a" in shop.sql(HOST, "SELECT name FROM django_migrations"), 60)
    deploying.kill()
    deploying.communicate()
    host = shop.rig.hosts[0]
    for container in host.docker("ps", "-q", "--filter", "label=com.docker.compose.oneoff=True").split():
        host.docker("kill", container)
    _end(shop, "pg_sleep(6)")
    shop.tagship("lock.release", "--env", HOST)

    deployed = json.loads(shop.tagship("deploy", "--env", HOST, "--json"))

    assert deployed["migrations"] == ["shop.0004_b", "shop.0005_c"]
    assert shop.history(HOST)[-1]["migrations"] == ["shop.0005_c"]
    assert shop.sql(HOST, COLUMNS).split() == ["id", "name", "note", "a", "b", "c"]


def test_a_rollback_reverses_what_the_deploy_declared_and_asks_before_it_loses_data(shop: Shop) -> None:
    shop.field("stock = models.IntegerField(default=0)")
    shop.migration("0006_stock", "0005_c", 'migrations.AddField("item", "stock", models.IntegerField(default=0))')
    shop.commit()
    shop.tagship("build")
    shop.tagship("push")

    planned = shop.tagship("deploy", "--env", HOST, "--dry-run")
    assert "Pending: shop.0006_stock" in planned
    assert "code, and reverse shop.0006_stock" in planned
    assert 'ADD COLUMN "stock"' in shop.tagship("migrate", "--env", HOST, "--dry-run")

    deployed = json.loads(shop.tagship("deploy", "--env", HOST, "--json"))
    assert "reverse shop.0006_stock" in deployed["way_back"][0]
    assert shop.history(HOST)[-1]["way_back"]["loses"] == ["shop_item.stock"]

    refused = shop.run("rollback", "--env", HOST)
    assert (refused.returncode, "loses shop_item.stock" in refused.stderr) == (9, True), refused.stderr
    assert "Reverse shop.0006_stock" in shop.tagship("rollback", "--env", HOST, "--dry-run")
    shop.tagship("rollback", "--env", HOST, "--yes")

    assert "stock" not in shop.sql(HOST, COLUMNS)
    back, reversed_ = shop.history(HOST)[-2:]
    assert (back["action"], back["result"], reversed_["action"]) == ("rollback", "ok", "migrate")
    assert reversed_["migrations"] == ["shop.0005_c"]
    assert shop.get(HOST).startswith("hello")


def test_what_cannot_be_reversed_is_gone_back_from_by_a_backup_or_on_its_schema(shop: Shop) -> None:
    shop.migration("0007_once", "0006_stock", "migrations.RunPython(migrations.RunPython.noop)")
    shop.commit()
    shop.ship(HOST)

    refused = shop.run("rollback", "--env", HOST)

    assert refused.returncode == 9, refused.stderr
    assert "shop.0007_once can't be reversed" in refused.stderr
    assert f"--env {HOST} --to" in refused.stderr, refused.stderr
    shop.tagship("rollback", "--env", HOST, "--keep-schema")
    assert shop.get(HOST).startswith("hello")


@pytest.mark.thorough
def test_a_renamed_column_has_its_old_name_again_before_the_old_release_starts(shop: Shop) -> None:
    models = shop.folder / "shop" / "models.py"
    models.write_text(models.read_text().replace("    name = ", "    title = "))
    urls = shop.folder / "urls.py"
    urls.write_text(urls.read_text().replace("create(name=", "create(title="))
    shop.migration("0008_title", "0007_once", 'migrations.RenameField("item", "name", "title")')
    shop.commit()
    shop.ship(HOST)

    shop.tagship("rollback", "--env", HOST, "--yes")

    assert "name" in shop.sql(HOST, COLUMNS).split()
    assert shop.get(HOST).startswith("hello")
    assert shop.history(HOST)[-1]["migrations"] == ["shop.0007_once"]


def _transaction(shop: Shop, statement: str) -> subprocess.Popen[str]:
    """A transaction that stays open, such as a report's or a forgotten psql's."""
    argv = [
        "exec",
        shop.database(HOST),
        "psql",
        "-U",
        "shop",
        "-h",
        "127.0.0.1",
        "-c",
        f"BEGIN; {statement}; COMMIT",
        "shop",
    ]
    docker = ["docker", "--host", f"unix://{shop.rig.hosts[0].socket}"]
    return subprocess.Popen(shop.rig.laptop.command([*docker, *argv]), text=True, env=shop.rig.laptop.environment)


def _end(shop: Shop, words: str) -> None:
    """End the database's sessions whose statement has these words."""
    others = f"query LIKE '%{words}%' AND pid <> pg_backend_pid()"
    shop.sql(HOST, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608 - ours


def _until(true: Callable[[], bool], within: float) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)
