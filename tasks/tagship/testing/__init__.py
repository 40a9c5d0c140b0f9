"""In-memory fakes for your own tests: what Tagship does to the outside world, kept where a test can look at it."""

from tagship.testing.memory import MemoryTarget

__all__ = ["MemoryTarget"]
