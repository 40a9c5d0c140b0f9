"""Tests of how calls are recorded."""
