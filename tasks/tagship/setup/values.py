"""Turns the values that a Compose file writes out into variables of an environment. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tagship.variables.check import SECRET

_SWITCHES = {"DEBUG", "DJANGO_DEBUG", "FLASK_DEBUG", "APP_DEBUG"}
_MODES = {"NODE_ENV", "RAILS_ENV", "RACK_ENV", "APP_ENV", "FLASK_ENV", "ENVIRONMENT", "ENV"}
_OFF = {"1": "0", "true": "false", "True": "False", "on": "off", "yes": "no", "TRUE": "FALSE"}
_DEVELOPING = {"development", "dev", "local"}
_HERE = re.compile(r"\b(localhost|127\.0\.0\.1)\b")
_OUR_URL = re.compile(r"https?://(localhost|127\.0\.0\.1)(:\d+)?/?")
_NO_SECRET = re.compile(r"^$|^/|^\$|^(true|false|yes|no|on|off|\d)$|_FILE$", re.IGNORECASE)
_LOGIN = re.compile(r"(?P<before>\w+://[^:/@\s]*:)(?P<password>[^@/\s]+)(?=@)")


@dataclass
class Values:
    """What the overlay sets instead of written-out values, and the values that development has."""

    local: dict[str, str] = field(default_factory=dict)
    """Variable → its value in the Compose file, for the environment `local`."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Value of a password → its variable."""
    passwords: dict[str, str] = field(default_factory=dict)
    """Variable → the password in its URL."""
    asked: dict[str, bool] = field(default_factory=dict)
    """Variable that every environment must give a value → whether it is a secret."""

    def variable(self, service: str, name: str, value: str) -> str:
        """A variable for a value: of this name, or of a longer one if the name already has another value."""
        if self.local.get(name, value) != value:
            name = f"{re.sub('[^A-Za-z0-9]', '_', service).upper()}_{name}"
        self.local[name] = value
        return name

    def know(self, service: str, given: Mapping[str, str | None]) -> None:
        """Note the passwords of one service, which others may have in a URL."""
        for name, value in given.items():
            if value and secret(name, value):
                self.secrets.setdefault(value, self.variable(service, name, value))

    def instead(self, service: str, name: str, value: str) -> tuple[str, str]:
        """What the overlay says instead of a written-out value, and why; empty if the value may stay."""
        if (found := _LOGIN.search(value)) and "$" not in found["password"]:
            known = self.secrets.get(found["password"])
            instead = _LOGIN.sub(rf"\g<before>${{{known}:?}}", value, count=1) if known else ""
            if not instead:
                instead = self._required(service, name, value, secret=True)
                self.passwords[name] = found["password"]
            return instead, "holds a password"
        if secret(name, value):
            return self._required(service, name, value, secret=True), "is a secret that the repository shows"
        if off := _off(name, value):
            self.local[name] = value
            return (
                f"${{{name}:-{off}}}",
                f"is for development, and {f'`{off}`' if name in _MODES else 'off'} on a server",
            )
        if _OUR_URL.fullmatch(value):
            return f"${{{name}:-${{TAGSHIP_URL}}}}", "is this machine's address, and on a server its own"
        names_it = _HERE.search(value)
        return (self._required(service, name, value, secret=False), "names this machine") if names_it else ("", "")

    def _required(self, service: str, name: str, value: str, *, secret: bool) -> str:
        variable = self.variable(service, name, value)
        self.asked[variable] = secret
        return f"${{{variable}:?}}"

    def ask(self, names: Iterable[str], examples: Mapping[str, str]) -> dict[str, str]:
        """The names of an env file, as the overlay passes them on: required if they have a value there."""
        found: dict[str, str] = {}
        for name in names:
            is_secret = bool(SECRET.search(name))
            if needed := bool(examples.get(name)):
                self.asked.setdefault(name, is_secret)
            found[name] = f"${{{name}:?}}" if needed else f"${{{name}:-}}"
        return found


def secret(name: str, value: str) -> bool:
    """Whether a variable is a password, token or key by its name, with a value that is written out."""
    return bool(SECRET.search(name)) and not (_NO_SECRET.search(value) or _NO_SECRET.search(name) or "$" in value)


def _off(name: str, value: str) -> str:
    """What a server has instead of a switch or mode of development; empty if it is none."""
    if name in _SWITCHES:
        return _OFF.get(value, "")
    return "production" if name in _MODES and value in _DEVELOPING else ""
