"""Tests of `tagship.release`."""
