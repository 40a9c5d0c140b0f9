"""The stores that secrets can come from. Each is imported only if tagship.yml names it."""
