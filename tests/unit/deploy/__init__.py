"""Tests of `tagship.deploy`."""
