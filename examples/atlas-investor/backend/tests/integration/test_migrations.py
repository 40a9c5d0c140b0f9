"""Migrations, there and back."""

import pytest
from django.core.management import call_command
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def count(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def indexes() -> int:
    return count("SELECT count(*) FROM pg_indexes WHERE indexname = 'property_price_yield'")


def tables() -> int:
    return count("SELECT count(*) FROM pg_tables WHERE tablename = 'properties_property'")


def test_go_back_one_by_one_and_forward_again() -> None:
    call_command("migrate", "properties", "0002", verbosity=0)
    assert indexes() == 0

    call_command("migrate", "properties", "0001", verbosity=0)
    assert count("SELECT count(*) FROM properties_property") == 0

    call_command("migrate", "properties", "zero", verbosity=0)
    assert tables() == 0
    assert count("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'") == 1

    call_command("migrate", "properties", verbosity=0)
    assert indexes() == 1
    assert count("SELECT count(*) FROM properties_property") == 30


@pytest.mark.django_db
def test_the_models_have_no_migration_to_come() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
