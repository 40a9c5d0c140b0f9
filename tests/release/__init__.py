"""A release's files, built and used as people get them."""
