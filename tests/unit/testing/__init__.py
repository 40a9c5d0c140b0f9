"""The shipped fakes are tested, too, because users' tests rely on them."""
