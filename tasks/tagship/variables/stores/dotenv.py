"""`dotenv://PATH`: a file of NAME=value lines that git doesn't track and nobody else can read."""

import os
import stat
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tagship.errors import ConfigError, SecretsError
from tagship.secret import Secret
from tagship.system import programs
from tagship.variables import files, parsing
from tagship.variables.store import Found

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
        try:
            values = files.read([str(self._path.absolute())], self._path.parent)
        except ConfigError as error:
            raise SecretsError(error.problem, hint=error.hint) from None
        changed = datetime.fromtimestamp(status.st_mtime, UTC)
        return {
            name: Found(parsing.value(values[name], name, self.uri), changed=changed) for name in wanted & values.keys()
        }

    def write(self, name: str, value: Secret) -> str:
        """Replace the file in one step, with this name's lines removed and a new one at the end."""
        status = self._checked()
        mode, text = stat.S_IMODE(status.st_mode), value.reveal()
        if "'" in text or "\\" in text or "\n" in text or "\r" in text:
            shown = '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n") + '"'
        else:
            shown = f"'{text}'"
        before = self._path.read_text()
        kept = [line for line in before.splitlines(keepends=True) if not _sets(line, name)]
        lines = "".join(kept)
        after = lines + ("\n" if lines and not lines.endswith("\n") else "") + f"{name}={shown}\n"
        with tempfile.NamedTemporaryFile(
            "w", dir=self._path.parent, prefix=f".{self._path.name}.", delete=False
        ) as file:
            try:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), mode)
                Path(file.name).replace(self._path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        return ""

    def _checked(self) -> os.stat_result:
        try:
            status = self._path.stat()
        except OSError as error:
            hint = f"create it with mode 600, or correct {self.uri}"
            raise SecretsError(f"{self._name}: {error.strerror}.", hint=hint) from None
        if status.st_mode & _OTHERS:
            hint = f"run chmod 600 {self._name}"
            raise SecretsError(f"Others may read {self._name}, which holds secrets.", hint=hint)
        if _tracked(self._path):
            hint = f"run git rm --cached {self._name}, add it to .gitignore, and replace every secret in it"
            raise SecretsError(f"git tracks {self._name}, which holds secrets.", hint=hint)
        return status


def _sets(line: str, name: str) -> bool:
    return line.strip().removeprefix("export ").partition("=")[0].strip() == name


def _tracked(path: Path) -> bool:
    argv = ["git", "-C", str(path.parent), "ls-files", "--error-unmatch", "--", path.name]
    try:
        programs.run(argv, fails_as=SecretsError)
    except SecretsError:
        return False
    return True
