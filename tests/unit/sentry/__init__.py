"""Tests of `tagship.sentry`."""
