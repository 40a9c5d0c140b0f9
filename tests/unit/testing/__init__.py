"""The shipped fakes are tested, too: users' tests lean on them."""
