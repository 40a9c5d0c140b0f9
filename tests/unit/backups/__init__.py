"""Tests of `tagship.backups`."""
