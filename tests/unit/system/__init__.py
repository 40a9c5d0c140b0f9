"""Tests of `tagship.system`."""
