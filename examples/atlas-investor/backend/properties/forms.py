"""What a new property has to be."""

from typing import Any

from django import forms
from django.contrib.gis.geos import Point

from properties.models import Property


class PropertyForm(forms.ModelForm):
    """A property whose point comes as two numbers."""

    lat = forms.FloatField(min_value=-90, max_value=90)
    lon = forms.FloatField(min_value=-180, max_value=180)

    class Meta:
        """Everything a person types; the rest is ours."""

        model = Property
        fields = ("title", "district", "price", "expected_yield", "area")

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 — Django's signature
        """Put the property on the map."""
        self.instance.location = Point(
            self.cleaned_data["lon"], self.cleaned_data["lat"], srid=4326
        )
        return super().save(commit)
