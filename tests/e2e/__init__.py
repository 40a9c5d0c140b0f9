"""The whole path, on real engines, as a user types it."""
