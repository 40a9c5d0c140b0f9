"""Sentry: what it hears of a release, and what it says of one."""
