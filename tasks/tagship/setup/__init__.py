"""From a Compose file to a first deploy: what `init` writes, and what `doctor` checks."""
