"""`command://PROGRAM ARGUMENT…`: any program that prints NAME=value lines or a JSON object."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from tagship.errors import ConfigError, SecretsError
from tagship.system import programs
from tagship.system.deadline import Deadline
from tagship.variables import files, parsing
from tagship.variables.store import Found

WITHIN = 30.0
"""Seconds that the program may take: password managers unlock and synchronize first."""


class CommandStore:
    """The program runs without a shell, in the folder of tagship.yml, with this process's whole environment."""

    def __init__(self, uri: str, folder: Path) -> None:
        """Raises ConfigError if the command can't be split into words."""
        self.uri = uri
        self._folder = folder
        try:
            self._argv = shlex.split(uri.removeprefix("command://"))
        except ValueError as error:
            raise ConfigError(f"secrets: {uri!r}: {error}.", hint="close the quotes as in a shell") from None
        if not self._argv:
            raise ConfigError("secrets: command:// names no program.", hint="write command://PROGRAM ARGUMENT…")

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """Raises SecretsError if the program fails; what it printed is not repeated, only what it said to stderr."""
        said = output(self._argv, self._folder)
        if said.lstrip().startswith(("{", "[")):
            found = parsing.secrets(said, wanted, self.uri)
        else:
            found = parsing.of(_lines(said, self.uri), wanted, self.uri)
        return {name: Found(secret) for name, secret in found.items()}


def output(argv: list[str], folder: Path, within: float = WITHIN, stdin: str = "") -> str:
    """What a program printed. Raises SecretsError with its words on stderr, never with those on stdout."""
    until = Deadline()
    until.move(within)
    try:
        done = programs.run(
            argv, stdin=stdin, env=os.environ, cwd=folder, fails_as=SecretsError, until=until, silent=True
        )
    except SecretsError as error:
        error.add_hint("run it in that folder to see why")
        raise
    return done.out


def _lines(text: str, uri: str) -> Mapping[str, str]:
    """NAME=value lines without escapes, which programs write in different ways; JSON has one meaning."""
    found, at = files.plain(text)
    if at:
        raise SecretsError(
            f"Line {at} of what {uri} printed isn't plain NAME=value.", hint="change it to print a JSON object"
        )
    return found
