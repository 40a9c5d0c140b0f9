"""What an investor looks at: properties on a map."""

import secrets

from django.contrib.gis.db import models
from django.core.validators import MaxValueValidator, MinValueValidator


def new_reference() -> str:
    """Return a reference that people can read to each other over the telephone."""
    return f"AI-{secrets.token_hex(4).upper()}"


class Property(models.Model):
    """One property for sale; the price in whole euros, the expected yield in percent a year."""

    reference = models.CharField(max_length=20, unique=True, default=new_reference, editable=False)
    title = models.CharField(max_length=120)
    district = models.CharField(max_length=60)
    price = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    expected_yield = models.DecimalField(
        max_digits=4,
        decimal_places=2,
        validators=[MinValueValidator(0), MaxValueValidator(50)],
    )
    area = models.PositiveIntegerField(
        help_text="Square metres.", validators=[MinValueValidator(1)]
    )
    location = models.PointField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The index serves the commonest filter."""

        ordering = ("-expected_yield", "reference")
        indexes = (models.Index(fields=["price", "expected_yield"], name="property_price_yield"),)

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"
