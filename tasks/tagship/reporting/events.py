"""Events for listeners, so that a CI can present them without parsing printed lines."""

from collections.abc import Callable, Mapping

from tagship.reporting import redaction

Listener = Callable[[str, Mapping[str, object]], object]
"""Called with an event's kind and its facts, all of them plain JSON values."""

_TEXTS = frozenset({"findings", "hint", "output", "problem", "step", "text", "warnings", "way_back"})
"""Facts in words. Others are identifiers, which must stay whole, even if a short secret is by chance part of one."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Send every event from now on to the listener."""
    _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Send no more events to the listener."""
    _listeners.remove(listener)


def tell(kind: str, **facts: object) -> None:
    """Send an event, with no value of a secret in its texts. Costs nothing without a listener."""
    for listener in _listeners:
        listener(kind, {key: redaction.hidden_in(fact) if key in _TEXTS else fact for key, fact in facts.items()})
