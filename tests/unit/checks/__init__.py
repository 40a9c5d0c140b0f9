"""Tests of `tagship.checks`."""
