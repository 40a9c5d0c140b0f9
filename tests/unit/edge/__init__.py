"""Tests of `tagship.server`."""
