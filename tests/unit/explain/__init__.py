"""Tests of `tagship.explain`."""
