"""The commit on this machine: git, and the Compose file in that commit."""
