"""Tests of `tagship.migrations`."""
