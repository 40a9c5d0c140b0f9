"""What happens, told to whoever listens: a CI shows it its own way, and nothing has to read our printed lines."""

from collections.abc import Callable, Mapping

Listener = Callable[[str, Mapping[str, object]], object]
"""Called with an event's kind and its facts, all of them plain JSON values."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have every event from now on told to it, for as long as the process lives."""
    _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Tell it no more."""
    _listeners.remove(listener)


def tell(kind: str, **facts: object) -> None:
    """Something happened. Costs nothing when nobody listens."""
    for listener in _listeners:
        listener(kind, facts)
