"""Tests of `tagship.variables`."""
