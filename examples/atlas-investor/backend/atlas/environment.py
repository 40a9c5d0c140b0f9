"""Typed reading of environment variables that reports every problem at once, at boot."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"", "0", "false", "no", "off"})


class Environment:
    """Collects what is missing or malformed while settings are read; `check` then raises once."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._missing: list[str] = []
        self._malformed: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable, or the content of the file that NAME_FILE names.

        Without a default it is required and may not be empty.
        """
        value = self._variables.get(name, "") or self._in_file(name)
        if value:
            return value
        if default is None:
            self._missing.append(name)
            return ""
        return default

    def _in_file(self, name: str) -> str:
        path = self._variables.get(f"{name}_FILE", "")
        try:
            return Path(path).read_text() if path else ""
        except (OSError, UnicodeDecodeError):
            self._malformed.append(f"{name}_FILE must name a readable file")
            return ""

    def words(self, name: str, default: str | None = None) -> list[str]:
        """Return a comma-separated variable as a list, without blanks."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def flag(self, name: str) -> bool:
        """Return a switch, off when unset."""
        value = self._variables.get(name, "").strip().lower()
        if value not in TRUE | FALSE:
            self._malformed.append(f"{name} must be a switch such as 1 or 0")
        return value in TRUE

    def number(self, name: str, default: int) -> int:
        """Return a whole number."""
        value = self._variables.get(name, "").strip()
        if not value:
            return default
        try:
            return int(value)
        except ValueError:
            self._malformed.append(f"{name} must be a whole number")
            return default

    def share(self, name: str, default: float) -> float:
        """Return a number from 0 to 1."""
        value = self._variables.get(name, "").strip()
        try:
            share = float(value or default)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self._malformed.append(f"{name} must be a number from 0 to 1")
        return share

    def url(self, name: str, *schemes: str) -> SplitResult:
        """Return a required URL of one of the schemes, with a host."""
        value = self.text(name)
        url = urlsplit(value)
        if value and (url.scheme not in schemes or not url.hostname):
            # Never quoted: such URLs carry passwords.
            self._malformed.append(f"{name} must be a URL like {schemes[0]}://host/…")
        return url

    def check(self) -> None:
        """Raise ImproperlyConfigured naming every missing and malformed variable."""
        problems = list(self._malformed)
        if self._missing:
            problems.insert(0, f"missing environment variables: {', '.join(self._missing)}")
        if problems:
            raise ImproperlyConfigured("; ".join(problems))
