"""Threads that a signal doesn't disturb while they start."""

import threading

from tagship.system.signals import deferred


class Thread(threading.Thread):
    """Python's thread. A signal that arrives while it starts is raised when it has started.

    Otherwise Python 3.11 takes the thread for one that couldn't start, and the thread prints a KeyError.
    """

    def start(self) -> None:
        """Start it, and wait until it runs."""
        with deferred():
            super().start()
