"""What breaks on purpose, on real parts, under load."""
