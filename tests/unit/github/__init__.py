"""Tests of `tagship.github`."""
