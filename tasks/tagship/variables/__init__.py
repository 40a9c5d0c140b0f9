"""An environment's variables and secrets: what its release is completed with."""
