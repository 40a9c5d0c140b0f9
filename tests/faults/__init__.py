"""Fault tests: things are broken on purpose, on real servers, under load."""
