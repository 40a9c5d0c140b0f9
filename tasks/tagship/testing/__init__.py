"""In-memory fakes for your own tests. They record what Tagship would do to the outside world."""

from tagship.testing.memory import MemoryTarget
from tagship.testing.store import MemoryStore

__all__ = ["MemoryStore", "MemoryTarget"]
