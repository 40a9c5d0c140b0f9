"""`dotenv://PATH`: a file of NAME=value lines that git doesn't track and nobody else can read."""

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tagship.errors import ConfigError, SecretsError, ToolError
from tagship.secret import Secret
from tagship.system import programs
from tagship.variables import files, parsing
from tagship.variables.store import Found

_BEING_WRITTEN = "tagship-writes"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class DotenvStore:
    """A path is relative to tagship.yml; Compose's rules for such files hold."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.uri = uri
        self._name = uri.removeprefix("dotenv://")
        self._path = folder / self._name

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """Raises SecretsError if git tracks the file, if others may read it, or if it isn't there."""
        status = self._checked()
        values = self._values(self._path)
        changed = datetime.fromtimestamp(status.st_mtime, UTC)
        return {
            name: Found(parsing.value(values[name], name, self.uri), changed=changed) for name in wanted & values.keys()
        }

    def write(self, name: str, value: Secret) -> str:
        """Replace the file in one step: without this name's lines, and with a new one at the end. One writer at a time.

        A symbolic link stays one; the file that it leads to is replaced.
        """
        real = self._path.resolve()
        with self._locked(real):
            status = self._checked()
            kept = [line for line in real.read_text().splitlines(keepends=True) if not _sets(line, name)]
            text = "".join(kept)
            text += ("\n" if text and not text.endswith("\n") else "") + f"{name}={_quoted(value.reveal())}\n"
            expected = {**self._values(real), name: value.reveal()}
            # what ignores the file in git ignores this name, too, should a kill leave it
            new = real.with_name(f"{real.stem}.{_BEING_WRITTEN}{real.suffix}")
            new.unlink(missing_ok=True)
            try:
                with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
                    os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                if self._values(new) != expected:
                    hint = f"change {name} in an editor"
                    raise SecretsError(f"{self._name} can't be changed line by line.", hint=hint)
                new.replace(real)
            finally:
                new.unlink(missing_ok=True)
        return ""

    @contextmanager
    def _locked(self, real: Path) -> Iterator[None]:
        """Wait for other writers; each puts another file in this one's place."""
        while True:
            self._checked()
            with real.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_ino == real.stat().st_ino:
                    yield
                    return

    def _values(self, path: Path) -> dict[str, str]:
        try:
            return files.read([str(path.absolute())], path.parent)
        except ConfigError as error:
            raise SecretsError(error.problem, hint=error.hint) from None

    def _checked(self) -> os.stat_result:
        try:
            status = self._path.stat()
        except OSError as error:
            hint = f"create it with mode 600, or correct {self.uri}"
            raise SecretsError(f"{self._name}: {error.strerror}.", hint=hint) from None
        if status.st_mode & _OTHERS:
            hint = f"run chmod 600 {self._name}"
            raise SecretsError(f"Others may read {self._name}, which holds secrets.", hint=hint)
        if any(map(_tracked, {self._path, self._path.resolve()})):
            hint = f"run git rm --cached {self._name}, add it to .gitignore, and replace every secret in it"
            raise SecretsError(f"git tracks {self._name}, which holds secrets.", hint=hint)
        return status


def _quoted(text: str) -> str:
    """A value as Compose reads it: in single quotes as it is, in double quotes with escapes."""
    if not any(character in text for character in "'\\\n\r"):
        return f"'{text}'"
    for character, escape in {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r"}.items():
        text = text.replace(character, escape)
    return f'"{text}"'


def _sets(line: str, name: str) -> bool:
    return line.strip().removeprefix("export ").partition("=")[0].strip() == name


def _tracked(path: Path) -> bool:
    """Whether git tracks a file. Raises SecretsError if git can't tell."""
    argv = ["git", "-C", str(path.parent), "ls-files", "--error-unmatch", "--", path.name]
    try:
        programs.run(argv, env={"LC_ALL": "C"}, fails_as=SecretsError)
    except SecretsError as error:
        if any(words in error.output for words in ("did not match any file", "not a git repository")):
            return False
        error.add_hint("set git up for that folder, which must say whether it tracks the file")
        raise
    except ToolError:  # where git isn't installed
        return False
    return True
