"""The same assertions on a fake and on the real thing, and Compose's reading of what we render."""
