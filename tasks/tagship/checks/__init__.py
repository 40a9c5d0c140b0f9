"""Test and lint suites, and smoke tests."""
