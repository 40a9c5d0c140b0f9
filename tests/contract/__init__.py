"""The same assertions on a fake and on the real thing, and what Compose itself makes of what we render."""
