"""Backups of an environment's data: created, encrypted, stored elsewhere, pruned, restored, and tried in drills."""
