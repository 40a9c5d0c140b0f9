"""What was done to an environment, and how that is proven."""
