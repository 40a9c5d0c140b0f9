"""Everything `inv` can do here: see `inv --list`."""

from tagship import namespace

__all__ = ["namespace"]
