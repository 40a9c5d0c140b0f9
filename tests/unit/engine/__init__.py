"""Tests of `tagship.engine`."""
