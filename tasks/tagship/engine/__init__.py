"""One Docker engine: its client, and what is done with containers, networks and volumes."""
