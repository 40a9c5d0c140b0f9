"""Alembic by commands, as docs/migrations.md has them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import Rig
from tests.shop import AlembicShop

HOST = "host1"
COLUMNS = """SELECT string_agg(attname, ' ') FROM pg_attribute
    WHERE attrelid = 'shop_item'::regclass AND attnum > 0 AND NOT attisdropped"""


@pytest.fixture
def app(rig: Rig, tmp_path: Path) -> Iterator[AlembicShop]:
    """The application, not yet committed."""
    made = AlembicShop(rig, tmp_path / "app", "alembic")
    yield made
    made.remove()


@pytest.mark.thorough
def test_alembic_by_commands_is_applied_and_reversed(app: AlembicShop) -> None:
    app.migration("0001", "", 'op.create_table("shop_item", sa.Column("id", sa.Integer))', 'op.drop_table("shop_item")')
    app.commit()
    app.tagship("accessories.up", "--env", HOST)
    assert app.ship(HOST)["migrations"] == ["0001"]
    add, drop = 'op.add_column("shop_item", sa.Column("note", sa.Integer))', 'op.drop_column("shop_item", "note")'
    app.migration("0002", "0001", add, drop)
    app.commit()
    app.tagship("build")
    app.tagship("push")

    assert "ALTER TABLE shop_item ADD COLUMN note" in app.tagship("migrate", "--env", HOST, "--dry-run")
    assert json.loads(app.tagship("deploy", "--env", HOST, "--json"))["migrations"] == ["0002"]
    assert app.history(HOST)[-1]["migrations"] == ["0002"]
    app.tagship("rollback", "--env", HOST, "--yes")

    assert app.sql(HOST, COLUMNS).split() == ["id"]
    assert app.history(HOST)[-1]["migrations"] == ["0001"]
