"""One Docker engine: its client, and operations on containers, networks and volumes."""
