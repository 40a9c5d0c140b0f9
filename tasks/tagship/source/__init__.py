"""The commit on this machine: git, the Compose file in that commit, and what Compose files refer to."""
