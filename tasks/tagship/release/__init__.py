"""A release as pure values: its model, and the Compose project rendered from it."""
