"""Tests of `tagship.project`."""
