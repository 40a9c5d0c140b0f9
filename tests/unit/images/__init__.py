"""Tests of `tagship.images`."""
