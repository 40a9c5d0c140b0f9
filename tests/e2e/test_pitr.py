"""Point in time recovery with pgBackRest and a real S3 server, from a commit's row to a lost server."""

import json
import secrets
import time

import pytest

from tests.hello import Hello

BUCKET = "wal"


@pytest.fixture
def archived(hello: Hello) -> Hello:
    """The application with a database on host1 that archives, and its first base backup."""
    hello.rig.s3.bucket(BUCKET)
    stanza = f"{hello.name}-{secrets.token_hex(3)}"
    hello.compose["services"]["db"] = {
        "image": hello.rig.image("pgbackrest"),
        "command": ["postgres", "-c", "archive_mode=on", "-c", "archive_command=pgbackrest archive-push %p",
                    "-c", "archive_timeout=2s"],
        "environment": {
            "POSTGRES_USER": "atlas",
            "POSTGRES_DB": "atlas",
            "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD}",
            "PGBACKREST_STANZA": stanza,
            "PGBACKREST_PG1_PATH": "/var/lib/postgresql/data",
            "PGBACKREST_PG1_USER": "atlas",
            "PGBACKREST_REPO1_TYPE": "s3",
            "PGBACKREST_REPO1_PATH": "/",
            "PGBACKREST_REPO1_S3_BUCKET": BUCKET,
            "PGBACKREST_REPO1_S3_ENDPOINT": hello.rig.s3.tls_url,
            "PGBACKREST_REPO1_S3_REGION": "us-east-1",
            "PGBACKREST_REPO1_S3_URI_STYLE": "path",
            "PGBACKREST_REPO1_S3_KEY": hello.rig.s3.key("keeper")[0],
            "PGBACKREST_REPO1_S3_KEY_SECRET": "${S3_SECRET}",
            "PGBACKREST_REPO1_STORAGE_VERIFY_TLS": "n",
            "PGBACKREST_REPO1_CIPHER_TYPE": "aes-256-cbc",
            "PGBACKREST_REPO1_CIPHER_PASS": "${REPO_PASSPHRASE}",
            "PGBACKREST_REPO1_RETENTION_FULL": "2",
            "PGBACKREST_REPO1_BUNDLE": "y",
            "PGBACKREST_COMPRESS_TYPE": "zst",
            "PGBACKREST_ARCHIVE_PUSH_QUEUE_MAX": "1GiB",
            "PGBACKREST_IO_TIMEOUT": "3",
            "PGBACKREST_LOG_LEVEL_FILE": "off",
            "PGBACKREST_LOCK_PATH": "/tmp/pgbackrest",  # noqa: S108
        },
        "volumes": ["postgres:/var/lib/postgresql/data"],
        "healthcheck": {"test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "atlas"], "interval": "1s"},
    }  # fmt: skip
    hello.compose["volumes"] = {"postgres": None}
    hello.settings["release"] = {"services": ["web"], "accessories": ["db"]}
    hello.environment |= {
        "POSTGRES_PASSWORD": "pa$$word-of-tests",
        "S3_SECRET": hello.rig.s3.key("keeper")[1],
        "REPO_PASSPHRASE": "a-long-passphrase",
    }
    hello.commit()
    hello.tagship("accessories.up", "--env", "host1")
    hello.tagship("pitr.base", "--env", "host1")
    return hello


def sql(app: Hello, text: str, host: int = 0) -> str:
    """What a query of the application's database prints."""
    name = f"{app.name}-host{host + 1}-accessories-db-1"
    return app.rig.hosts[host].docker("exec", name, "psql", "-U", "atlas", "-Atc", text).strip()


def test_a_row_written_before_the_time_is_recovered_and_one_written_after_it_is_not(archived: Hello) -> None:
    status = json.loads(archived.tagship("pitr.status", "--env", "host1", "--json"))
    drilled = json.loads(archived.tagship("pitr.drill", "--env", "host1", "--json"))

    assert status["findings"] == []
    assert drilled["passed"]
    entry = archived.history("host1")[-1]
    assert (entry["action"], entry["result"], entry["rpo"]) == ("pitr.drill", "ok", drilled["rpo"])
    assert 0 <= drilled["rpo"] < 30
    assert "drill" not in archived.rig.hosts[0].docker("volume", "ls", "-q")


def clock(app: Hello) -> str:
    """The database's time, as an option."""
    return sql(app, "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')")


def archived_all(app: Hello) -> None:
    """Wait until what was written is archived."""
    wal = sql(app, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    while sql(app, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver")[:24] < wal:
        time.sleep(0.3)


@pytest.mark.thorough
def test_a_lost_servers_database_is_back_on_another_and_a_past_moment_of_it_beside(archived: Hello) -> None:
    sql(archived, "CREATE TABLE listing AS SELECT generate_series(1, 1000) AS id")
    before = clock(archived)
    sql(
        archived, "SELECT pg_switch_wal()"
    )  # the recovery stops at the beginning of a segment, and reads the one before
    sql(archived, "DELETE FROM listing")
    sql(archived, "INSERT INTO listing VALUES (7)")
    archived_all(archived)
    archived.rig.reset(archived.rig.hosts[0])

    archived.tagship("pitr.recover", "--env", "host2")
    archived.tagship("accessories.up", "--env", "host2")
    assert sql(archived, "SELECT count(*) FROM listing", host=1) == "1"

    told = json.loads(archived.tagship("pitr.recover", "--env", "host2", "--at", before, "--json"))
    assert sql(archived, "SELECT count(*) FROM listing", host=1) == "1"
    volume = told["volume"].partition("_")[2]
    archived.compose["services"]["db"]["volumes"] = [f"{volume}:/var/lib/postgresql/data"]
    archived.compose["volumes"][volume] = None
    archived.commit()
    archived.tagship("accessories.recreate", "--env", "host2", "--name", "db", "--yes")
    assert sql(archived, "SELECT count(*) FROM listing", host=1) == "1000"
    assert f"{archived.name}-host2_postgres\n" in archived.rig.hosts[1].docker("volume", "ls", "--format", "{{.Name}}")
    # the archive goes on, on a third timeline
    archived.tagship("pitr.base", "--env", "host2")
    assert "wait" in archived.tagship("pitr.status", "--env", "host2")


@pytest.mark.thorough
def test_a_recovery_that_was_killed_goes_on_in_the_same_volume(archived: Hello) -> None:
    sql(archived, "CREATE TABLE listing AS SELECT generate_series(1, 1000) AS id")
    archived_all(archived)
    archived.rig.reset(archived.rig.hosts[0])
    recovering = archived.start("pitr.recover", "--env", "host2")
    assert recovering.stderr
    next(line for line in recovering.stderr if "Restore base backup" in line)
    recovering.kill()
    recovering.communicate()
    while "tagship-recovery" in archived.rig.hosts[1].docker("ps", "-a"):
        time.sleep(0.2)

    told = json.loads(archived.tagship("pitr.recover", "--env", "host2", "--json"))

    assert told["volume"] == f"{archived.name}-host2_postgres"
    archived.tagship("accessories.up", "--env", "host2")
    assert sql(archived, "SELECT count(*) FROM listing", host=1) == "1000"
    assert "-recovered" in archived.tagship("pitr.recover", "--env", "host2", "--dry-run")


@pytest.mark.thorough
def test_what_cant_be_recovered_is_refused_in_one_line_and_nothing_is_left(archived: Hello) -> None:
    def refused(*words: str, **env: str) -> tuple[int, str]:
        done = archived.run("pitr.recover", "--env", "host1", *words, env=env)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    volumes = archived.rig.hosts[0].docker("volume", "ls", "-q")
    cases = [
        refused("--at", "2020-01-01T00:00:00+00:00"),
        refused("--at", "2099-01-01T00:00:00+00:00"),
        refused("--at", clock(archived), REPO_PASSPHRASE="another"),  # noqa: S106
        refused("--at", clock(archived), S3_SECRET="another"),  # noqa: S106
        refused("--at", "2026-11-27T10:00:00"),
    ]

    assert [code for code, _ in cases] == [20, 20, 20, 21, 64]
    means = ["No base backup ended before", "The archive ends before", "CIPHER_PASS", "refuses: 403", "with a zone"]
    assert [words for words, (_, said) in zip(means, cases, strict=True) if words not in said] == []
    assert archived.rig.hosts[0].docker("volume", "ls", "-q") == volumes
    assert "tagship-recovery" not in archived.rig.hosts[0].docker("ps", "-a")


@pytest.mark.thorough
def test_a_store_that_is_down_makes_the_status_fail_while_the_database_runs_on(archived: Hello) -> None:
    archived.rig.s3.stop()
    try:
        sql(archived, "CREATE TABLE written AS SELECT 1")
        time.sleep(4)
        done = archived.run("pitr.status", "--env", "host1")
        assert sql(archived, "SELECT count(*) FROM written") == "1"
    finally:
        archived.rig.s3.start()
    assert done.returncode == 21
    assert "segments wait" in done.stderr
    assert "GB free" in done.stderr
    archived_all(archived)
    assert json.loads(archived.tagship("pitr.status", "--env", "host1", "--json"))["findings"] == []
