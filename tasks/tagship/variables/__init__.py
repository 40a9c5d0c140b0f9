"""An environment's variables and secrets, which fill in the Compose file."""
