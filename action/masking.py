"""Keeps secrets, and forms derived from them, out of everything the action prints."""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""Characters; masking anything shorter would make logs unreadable."""
_HIDDEN = "***"


class Masks:
    """The texts that must not be printed; longer ones are replaced first."""

    def __init__(self) -> None:
        self._forms: list[str] = []

    def add(self, secrets: Iterable[str]) -> list[str]:
        """Hide these secrets and their derived forms. Returns the new forms, for `::add-mask::`."""
        new = list(dict.fromkeys(form for secret in secrets for form in forms(secret) if form not in self._forms))
        self._forms = sorted({*self._forms, *new}, key=len, reverse=True)
        return new

    def redact(self, text: str) -> str:
        """The text with `***` for every form."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return text


def forms(secret: str) -> Iterator[str]:
    """The secret in base64, URL encoding, JSON and hex, and each of its lines; none shorter than SHORTEST."""
    text = secret.strip()
    lines = [line.strip() for line in text.splitlines()]
    for form in [*(line for line in lines if not line.startswith("-----")), *(_derived(text) if text else ())]:
        if len(text) >= SHORTEST and len(form) >= SHORTEST:
            yield form


def _derived(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield text.replace("$", "$$")
    go = json.dumps(text, ensure_ascii=False)[1:-1]
    for character in "&<>":
        go = go.replace(character, f"\\u{ord(character):04x}")
    yield go
    for encode in (quote, quote_plus):
        yield encode(text, safe="")
    for data in (text.encode(), text.encode() + b"\n"):
        yield base64.b64encode(data).decode()
        yield base64.urlsafe_b64encode(data).decode()
    yield from _inside_longer(text.encode())
    yield text.encode().hex()


def _inside_longer(data: bytes) -> Iterator[str]:
    """The part of the base64 form that is the same in any surrounding text, such as a password in `user:password`."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + data).decode()
        begin = (0, 2, 3)[shift]
        whole = (len(data) + shift) // 3 * 4
        yield encoded[begin:whole]
