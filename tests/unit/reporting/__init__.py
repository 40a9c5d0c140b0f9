"""Tests of `tagship.reporting`."""
