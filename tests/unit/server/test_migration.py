"""Migrations on a server, each command in a container of its own."""

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tagship.deploy.observed import Migrated
from tagship.deploy.rollback_plan import FIRST, Former, RollbackPlan, Way
from tagship.deploy.target import NOBODY, Listeners
from tagship.engine.client import Engine
from tagship.errors import ConnectionFailedError, MigrationError
from tagship.names import Place
from tagship.project.migration_settings import MigrationLint
from tagship.release.model import Rendered
from tagship.secret import Secret
from tagship.server.composer import Composer
from tagship.server.migration import Migration
from tests.fakes.builders import MIGRATIONS, rendered
from tests.fakes.links import Link
from tests.fakes.servers import Server

AWKWARD = 'p"a$s\nw0rd'
RELEASE = rendered("a", {"web": {"environment": {"DB": "pg://u:⟦DB⟧@db"}}}, migrations=MIGRATIONS)


def migrate(
    engine: Engine, release: Rendered = RELEASE, secrets: Mapping[str, Secret] | None = None, *, dry_run: bool = False
) -> Migrated:
    """Run a release's migrations, its secrets known."""
    composer = Composer(engine, {"DB": Secret(AWKWARD), **(secrets or {})})
    return Migration(engine, composer, Place("shop", "staging"), release).run(FIRST, dry_run=dry_run)


class MendedLink(Link):
    """Another thread has connected again by the time somebody asks whether it is broken."""

    def socket(self) -> Path:
        """The new path, once there is one."""
        new = self.path.with_suffix(".sock.new")
        return new if new.exists() else self.path

    def cut(self) -> None:
        """It works."""


def commands(folder: Path, **scripts: str) -> None:
    """What migration commands do."""
    for name, script in scripts.items():
        (folder / name).write_text(f"{script}\n")


def test_migrates_what_is_pending_and_looks_again(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"cat {composed}/pending", apply=f"mv {composed}/none {composed}/pending")
    (composed / "pending").write_text("0002_more\n")
    (composed / "none").write_text("")

    assert migrate(engine) == Migrated(("0002_more",))

    told = (composed / "argv").read_text()
    assert told.splitlines().count("run") == 3
    assert "PGOPTIONS" not in told, "it may hold a secret, and every user of a machine sees argv"
    assert (composed / "models").read_text().count("-c lock_timeout=5s") == 1


def test_a_command_that_lost_a_connection_which_was_made_again_meanwhile_says_that_it_was_cut(
    daemon: Server, composed: Path
) -> None:
    link = MendedLink(composed / "docker.sock")
    engine = Engine(link.path, link)
    engine.connect()
    commands(composed, show=f"mv {link.path} {link.path}.new; echo Cannot connect to the Docker daemon >&2; exit 1")

    with pytest.raises(ConnectionFailedError, match="was cut"):
        migrate(engine)
    assert daemon.requests


def test_what_was_asked_ahead_is_not_asked_again(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"cat {composed}/pending", apply=f"mv {composed}/none {composed}/pending")
    (composed / "pending").write_text("0002_more\n")
    (composed / "none").write_text("")
    migration = Migration(engine, Composer(engine, {"DB": Secret(AWKWARD)}), Place("shop", "staging"), RELEASE)

    migration.ask()
    assert migration.only_asked
    migrated = migration.run(FIRST, dry_run=False)

    assert migrated == Migrated(("0002_more",))
    assert not migration.only_asked
    assert (composed / "argv").read_text().splitlines().count("run") == 3


def test_why_asking_ahead_failed_is_said_by_the_migration_which_changes_nothing(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo no such host >&2; exit 1", apply=f"touch {composed}/applied")
    migration = Migration(engine, Composer(engine, {"DB": Secret(AWKWARD)}), Place("shop", "staging"), RELEASE)

    migration.ask()
    with pytest.raises(MigrationError, match="no such host"):
        migration.run(FIRST, dry_run=False)

    assert migration.only_asked
    assert not (composed / "applied").exists()


def test_looking_applies_nothing(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002_more", apply="exit 1")

    assert migrate(engine, dry_run=True) == Migrated(("0002_more",))


def test_a_migration_that_changed_nothing_is_a_failure(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002_more", apply="true")

    with pytest.raises(MigrationError, match="Still pending after migrating: 0002_more") as caught:
        migrate(engine)

    assert "SQLite" in caught.value.hint


def test_a_migration_that_changed_something_else_is_not_said_to_be_lost(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"cat {composed}/pending", apply=f"echo 0003_last > {composed}/pending")
    (composed / "pending").write_text("0002_more\n")

    with pytest.raises(MigrationError, match="Still pending after migrating: 0003_last") as caught:
        migrate(engine)

    assert not caught.value.hint


def test_a_migration_that_fails_says_why_and_shows_no_secret(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002_more", apply=f"cat {composed}/stdin >&2; echo no such column >&2; exit 1")

    with pytest.raises(MigrationError, match="no such column") as caught:
        migrate(engine)

    assert "⟦DB⟧" in caught.value.problem
    for part in ('p"a', "w0rd", "a$s"):
        assert part not in f"{caught.value} {caught.value!r}"


LEASED = "p$s-leased-4711"


@contextmanager
def leased(_: object) -> Iterator[Mapping[str, Secret]]:
    """Credentials for the migration alone."""
    yield {"DB": Secret(f"pg://v-1:{LEASED}@db"), "FILE": Secret(LEASED)}


def test_credentials_of_its_own_reach_what_applies_migrations_and_nothing_else(engine: Engine, composed: Path) -> None:
    commands(
        composed, show=f"cat {composed}/pending", apply=f"env >{composed}/env; mv {composed}/none {composed}/pending"
    )
    (composed / "pending").write_text("0002_more\n")
    (composed / "none").write_text("")
    named = {**RELEASE.model, "secrets": {"file": {"environment": "FILE"}}}
    composer = Composer(engine, {"DB": Secret(AWKWARD), "FILE": Secret("everyday")})
    release = dataclasses.replace(RELEASE, model=named)

    Migration(engine, composer, Place("shop", "staging"), release, credentials=leased).run(FIRST, dry_run=False)

    doubled = LEASED.replace("$", "$$")  # as Compose wants it
    assert (composed / "models").read_text().count(f"pg://v-1:{doubled}@db") == 1
    assert f"FILE={LEASED}\n" in (composed / "env").read_text()
    assert LEASED not in (composed / "argv").read_text()


def test_the_credentials_of_a_migration_that_fails_are_hidden(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002_more", apply=f"echo 'no login for {LEASED}' >&2; exit 1")
    migration = Migration(
        engine, Composer(engine, {"DB": Secret(AWKWARD)}), Place("shop", "staging"), RELEASE, credentials=leased
    )

    with pytest.raises(MigrationError, match=r"no login for ⟦given\.FILE⟧"):
        migration.run(FIRST, dry_run=False)


RETRYING = rendered("a", migrations=dataclasses.replace(MIGRATIONS, lock_retries=2, lock_retries_within=60))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes time."""
    made: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=made.append)
    # Not `time.sleep` itself: subprocess calls that too, while a process that closed its pipes is still ending.
    monkeypatch.setattr("tagship.server.migration.time", clock)
    return made


def test_a_lock_that_becomes_free_is_waited_for_and_each_wait_is_told(
    engine: Engine, composed: Path, pauses: list[float]
) -> None:
    free = f"echo x >> {composed}/tries; test $(wc -l < {composed}/tries) = 3 && rm {composed}/pending && exit 0"
    told: list[str] = []
    (composed / "pending").write_text("0001\n")
    commands(composed, show=f"cat {composed}/pending 2>/dev/null; true", apply=f"{free}; echo 55P03 >&2; exit 1")

    migration = Migration(engine, Composer(engine, {}), Place("shop", "staging"), RETRYING)

    assert migration.run(FIRST, dry_run=False, listeners=Listeners(tell=told.append)) == Migrated(("0001",))
    assert pauses == [1, 2]
    assert told[0] == "a lock wasn't free within 5s; trying again in 1 s"


def test_a_lock_that_stays_taken_is_given_up_with_the_way_to_find_who_holds_it(
    engine: Engine, composed: Path, pauses: list[float]
) -> None:
    commands(composed, show="echo 0001", apply="echo canceling statement due to lock timeout >&2; exit 1")

    with pytest.raises(MigrationError, match="lock timeout") as caught:
        migrate(engine, RETRYING)

    assert pauses == [1, 2]
    assert "pg_stat_activity" in caught.value.hint


def test_no_try_begins_after_the_time_for_retries(engine: Engine, composed: Path, pauses: list[float]) -> None:
    commands(composed, show="echo 0001", apply="echo 55P03 >&2; exit 1")
    how = dataclasses.replace(MIGRATIONS, lock_retries=9, lock_retries_within=3)

    with pytest.raises(MigrationError):
        migrate(engine, rendered("a", migrations=how))

    assert pauses == [1, 2]


def test_a_failure_of_another_kind_is_not_repeated(engine: Engine, composed: Path, pauses: list[float]) -> None:
    commands(composed, show="echo 0001", apply="echo deadlock detected >&2; exit 1")

    with pytest.raises(MigrationError, match="deadlock"):
        migrate(engine, RETRYING)

    assert pauses == []


REVERSIBLE = rendered("a", migrations=dataclasses.replace(MIGRATIONS, list=("list",), reverse=("{count}",)))
BACK = RollbackPlan(Way.REVERSE, "old", migrations=("0003", "0002"), leaves=("0001",))


def test_the_way_back_is_declared_before_anything_is_applied(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002", apply="exit 1", list="echo 0001")
    declared: list[RollbackPlan] = []
    migration = Migration(engine, Composer(engine, {}), Place("shop", "staging"), REVERSIBLE)

    with pytest.raises(MigrationError):
        migration.run(Former("old"), dry_run=False, listeners=Listeners(declare=declared.append))

    assert [(plan.way, plan.migrations) for plan in declared] == [(Way.REVERSE, ("0002",))]


WITH_SQL = rendered("a", migrations=dataclasses.replace(MIGRATIONS, sql=("sql",)))


@pytest.mark.parametrize("level", ["warn", "block"])
def test_the_sql_is_judged_before_it_is_applied_and_may_be_refused(
    engine: Engine, composed: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.chdir(composed)
    (composed / "pending").write_text("0002\n")
    (composed / "none").write_text("")
    commands(
        composed,
        show=f"cat {composed}/pending",
        apply=f"mv {composed}/none {composed}/pending",
        sql="echo DROP TABLE a",
    )
    lint = MigrationLint.model_validate({"run": "sh -c 'cat; exit 1'", "level": level})
    migration = Migration(engine, Composer(engine, {}), Place("shop", "staging"), WITH_SQL, lint=lint)
    told: list[str] = []

    if level == "block":
        with pytest.raises(MigrationError, match="0002: DROP TABLE a"):
            migration.run(FIRST, dry_run=False, listeners=Listeners(tell=told.append))
        assert (composed / "pending").read_text() == "0002\n"
    else:
        assert migration.run(FIRST, dry_run=False, listeners=Listeners(tell=told.append)).applied == ("0002",)
    assert told == ["0002: DROP TABLE a"]


def test_with_nothing_pending_nothing_more_is_asked(engine: Engine, composed: Path) -> None:
    commands(composed, show="true")
    migration = Migration(engine, Composer(engine, {}), Place("shop", "staging"), REVERSIBLE)

    assert migration.run(Former("old", ("0001",)), dry_run=False).way_back
    assert (composed / "argv").read_text().splitlines().count("run") == 1


def test_only_what_is_applied_is_reversed_and_the_schema_is_read_afterwards(engine: Engine, composed: Path) -> None:
    (composed / "pending").write_text("0003\n")
    commands(composed, show=f"cat {composed}/pending", list="echo 0001", **{"1": f"echo 0002 >> {composed}/pending"})
    migration = Migration(engine, Composer(engine, {}), Place("shop", "staging"), REVERSIBLE)

    assert migration.reverse(BACK, NOBODY) == Migrated((), ("0001",))


def test_what_stays_applied_after_reversing_is_a_failure(engine: Engine, composed: Path) -> None:
    commands(composed, show="true", **{"2": "true"})
    migration = Migration(engine, Composer(engine, {}), Place("shop", "staging"), REVERSIBLE)

    with pytest.raises(MigrationError, match="Still applied after reversing: 0003, 0002"):
        migration.reverse(BACK, NOBODY)


def test_secrets_reach_compose_by_stdin_alone(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"env > {composed}/env")

    migrate(engine)

    said = json.loads((composed / "stdin").read_text())
    assert said["services"]["web"]["environment"]["DB"] == f"pg://u:{AWKWARD.replace('$', '$$')}@db"
    assert "w0rd" not in (composed / "argv").read_text() + (composed / "env").read_text()


def test_a_secret_that_compose_takes_from_its_environment_is_there_and_no_other(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"env > {composed}/env")
    model = {**RELEASE.model, "secrets": {"token": {"environment": "TOKEN"}}}

    migrate(engine, dataclasses.replace(RELEASE, model=model), {"TOKEN": Secret("t0k3n")})

    environment = (composed / "env").read_text()
    assert "TOKEN=t0k3n\n" in environment
    assert "w0rd" not in environment


def test_without_migrations_nothing_is_asked(engine: Engine) -> None:
    assert migrate(engine, rendered("a")) == Migrated()
