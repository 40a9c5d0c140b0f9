"""Pictures of terminals for README and docs."""
