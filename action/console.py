"""Writes the job's log: our own workflow commands, and other output in which commands are disabled.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from action.masking import Masks


@dataclass(frozen=True)
class Annotation:
    """A remark on a line of a file, or on the run if it has no file. `level`: error, warning or notice."""

    message: str
    title: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    level: str = "error"


class Console:
    """Writes other programs' lines between stop-commands tokens that nobody else knows."""

    def __init__(self, out: TextIO, masks: Masks) -> None:
        self._out = out
        self._masks = masks
        self._token = ""
        self._grouped = False

    def hide(self, values: Iterable[str]) -> None:
        """Mask secrets and their derived forms, here and in the runner."""
        for form in self._masks.add(values):
            self._command("add-mask", form, redact=False)

    def say(self, line: str) -> None:
        """Print another program's line: redacted, and never obeyed as a command."""
        if not self._token:
            self._token = secrets.token_hex(16)
            self._out.write(f"::stop-commands::{self._token}\n")
        self._out.write(f"{self._masks.redact(line)}\n")
        self._out.flush()

    def group(self, title: str) -> None:
        """Begin a folded group; an open group ends."""
        self.ungroup()
        self._command("group", title)
        self._grouped = True

    def ungroup(self) -> None:
        """End the open group, if there is one."""
        if self._grouped:
            self._command("endgroup", "")
            self._grouped = False

    def annotate(self, remark: Annotation) -> None:
        """Put a remark on the run's page, and on its line of the file."""
        places = {"file": remark.file, "line": remark.line, "col": remark.column, "title": remark.title}
        self._command(remark.level, remark.message, {name: str(value) for name, value in places.items() if value})

    def close(self) -> None:
        """Enable commands again for the next step."""
        self.ungroup()
        self._resume()

    def _resume(self) -> None:
        if self._token:
            self._out.write(f"::{self._token}::\n")
            self._token = ""

    def _command(self, name: str, data: str, places: dict[str, str] | None = None, *, redact: bool = True) -> None:
        self._resume()
        hidden = self._masks.redact if redact else str
        said = ",".join(f"{key}={escape_property(hidden(value))}" for key, value in (places or {}).items())
        self._out.write(f"::{name}{' ' if said else ''}{said}::{escape_data(hidden(data))}\n")
        self._out.flush()


def escape_data(text: str) -> str:
    """Escape text for a command's data."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape text for a command's property."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
