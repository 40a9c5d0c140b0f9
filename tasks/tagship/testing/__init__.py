"""In-memory fakes for your own tests. They record what Tagship would do to the outside world."""

from tagship.testing.memory import MemoryTarget

__all__ = ["MemoryTarget"]
