"""The drill: the example's data is lost and comes back, for real."""
