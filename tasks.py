"""Tagship's own tasks: the library ships itself."""

from tagship import namespace

__all__ = ["namespace"]
