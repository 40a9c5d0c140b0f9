"""Tests of `tagship.source`."""
