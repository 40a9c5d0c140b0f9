"""Tests of `tagship.proof`."""
