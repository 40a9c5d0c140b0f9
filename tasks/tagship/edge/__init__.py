"""The edge, Caddy: its container, its routes, and the files that say which release is live."""
