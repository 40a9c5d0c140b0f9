"""A value that shows itself to nobody: no repr, log, exception, traceback, plan or event has it."""

import hmac
from typing import NoReturn

_SHOWN = "⟦hidden⟧"
_known: set[str] = set()


class Secret:
    """A secret's value. Only `reveal` returns it; text made from a Secret has `⟦hidden⟧`, and it can't be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        _known.add(value)

    def reveal(self) -> str:
        """The value, for where it is used."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({_SHOWN})"

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return _SHOWN

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret can't be pickled or copied.")


def known() -> frozenset[str]:
    """The values of all Secrets that this process made, for what hides them in text."""
    return frozenset(_known)
