"""Index: made concurrently, so that the release that is serving can go on writing."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """PostgreSQL refuses to do this inside a transaction."""

    atomic = False
    dependencies = (("properties", "0002_first_properties"),)
    operations = (
        AddIndexConcurrently(
            "property",
            models.Index(fields=["price", "expected_yield"], name="property_price_yield"),
        ),
    )
