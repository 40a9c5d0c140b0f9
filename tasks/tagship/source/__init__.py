"""The commit on this machine: git, and the Compose file as the commit has it."""
