"""Migrations on a server, each command in a container of its own."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tagship.deploy.observed import Migrated
from tagship.engine.client import Engine
from tagship.errors import MigrationError
from tagship.names import Place
from tagship.release.model import Rendered
from tagship.server.composer import Composer
from tagship.server.migration import Migration
from tests.fakes.builders import MIGRATIONS, rendered

AWKWARD = 'p"a$s\nw0rd'
RELEASE = rendered("a", {"web": {"environment": {"DB": "pg://u:⟦DB⟧@db"}}}, migrations=MIGRATIONS)


def migrate(
    engine: Engine, release: Rendered = RELEASE, secrets: Mapping[str, str] | None = None, *, dry_run: bool = False
) -> Migrated:
    """Run a release's migrations, its secrets known."""
    composer = Composer(engine, {"DB": AWKWARD, **(secrets or {})})
    return Migration(engine, composer, Place("shop", "staging"), release).run(dry_run=dry_run)


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


def test_what_was_asked_ahead_is_not_asked_again(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"cat {composed}/pending", apply=f"mv {composed}/none {composed}/pending")
    (composed / "pending").write_text("0002_more\n")
    (composed / "none").write_text("")
    migration = Migration(engine, Composer(engine, {"DB": AWKWARD}), Place("shop", "staging"), RELEASE)

    migration.ask()
    assert migration.only_asked
    migrated = migration.run(dry_run=False)

    assert migrated == Migrated(("0002_more",))
    assert not migration.only_asked
    assert (composed / "argv").read_text().splitlines().count("run") == 3


def test_why_asking_ahead_failed_is_said_by_the_migration_which_changes_nothing(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo no such host >&2; exit 1", apply=f"touch {composed}/applied")
    migration = Migration(engine, Composer(engine, {"DB": AWKWARD}), Place("shop", "staging"), RELEASE)

    migration.ask()
    with pytest.raises(MigrationError, match="no such host"):
        migration.run(dry_run=False)

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


def test_secrets_reach_compose_by_stdin_alone(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"env > {composed}/env")

    migrate(engine)

    said = json.loads((composed / "stdin").read_text())
    assert said["services"]["web"]["environment"]["DB"] == f"pg://u:{AWKWARD.replace('$', '$$')}@db"
    assert "w0rd" not in (composed / "argv").read_text() + (composed / "env").read_text()


def test_a_secret_that_compose_takes_from_its_environment_is_there_and_no_other(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"env > {composed}/env")
    model = {**RELEASE.model, "secrets": {"token": {"environment": "TOKEN"}}}

    migrate(engine, dataclasses.replace(RELEASE, model=model), {"TOKEN": "t0k3n"})

    environment = (composed / "env").read_text()
    assert "TOKEN=t0k3n\n" in environment
    assert "w0rd" not in environment


def test_without_migrations_nothing_is_asked(engine: Engine) -> None:
    assert migrate(engine, rendered("a")) == Migrated()
