"""Sentry: what Tagship reports about a release, and what it reads about one."""
