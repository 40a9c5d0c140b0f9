"""Schema: PostGIS and the properties."""

import django.contrib.gis.db.models.fields
from django.contrib.postgres.operations import CreateExtension
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

import properties.models


class LeaveExtension(CreateExtension):
    """Creates the extension where it is missing; going back leaves it, it may not have been ours."""

    def database_backwards(self, *_: object) -> None:
        """Keep what other tables may depend on."""


class Migration(migrations.Migration):
    """The first one."""

    initial = True
    operations = (
        LeaveExtension("postgis"),
        migrations.CreateModel(
            name="Property",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reference",
                    models.CharField(
                        default=properties.models.new_reference,
                        editable=False,
                        max_length=20,
                        unique=True,
                    ),
                ),
                ("title", models.CharField(max_length=120)),
                ("district", models.CharField(max_length=60)),
                ("price", models.PositiveIntegerField(validators=[MinValueValidator(1)])),
                (
                    "expected_yield",
                    models.DecimalField(
                        decimal_places=2,
                        max_digits=4,
                        validators=[MinValueValidator(0), MaxValueValidator(50)],
                    ),
                ),
                (
                    "area",
                    models.PositiveIntegerField(
                        help_text="Square metres.", validators=[MinValueValidator(1)]
                    ),
                ),
                ("location", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ("-expected_yield", "reference")},
        ),
    )
