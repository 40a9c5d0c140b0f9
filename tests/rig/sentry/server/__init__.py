"""The server's side, run by Sentry's own Python; the rig starts it, and never imports it."""
