"""The edge, Caddy: its container, its routes, and the files that say what is live."""
