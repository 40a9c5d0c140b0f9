"""`sops://FILE`: a file whose values SOPS encrypted, so that it may be in git."""

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tagship.errors import ConfigError, SecretsError, ToolError
from tagship.secret import Secret
from tagship.variables import parsing
from tagship.variables.store import Found
from tagship.variables.stores.command import output

WITHIN = 20.0
"""Seconds: a key in a cloud's key service is asked for over the network."""
_MODIFIED = re.compile(r"""lastmodified["']?\s*[:=]\s*["']?([0-9T:.Z+-]+)""")
_HINT = "check that this machine has a key for it (SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, or the cloud's credentials)"


class SopsStore:
    """YAML, JSON and dotenv files, as SOPS knows them by their suffix. Needs the program `sops`, 3.11 to write."""

    def __init__(self, uri: str, folder: Path) -> None:
        """Raises ConfigError if no file is named."""
        self.uri = uri
        self._name = uri.removeprefix("sops://")
        self._folder = folder
        self._path = (folder / self._name).absolute()
        if not self._name:
            raise ConfigError("secrets: sops:// names no file.", hint="write sops://FILE")

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """The time is that of the file's last change by SOPS."""
        encrypted = self._encrypted()
        secrets = parsing.secrets(self._run(["decrypt", "--output-type", "json", str(self._path)]), wanted, self.uri)
        changed = _modified(encrypted)
        return {name: Found(secret, changed=changed) for name, secret in secrets.items()}

    def write(self, name: str, value: Secret) -> str:
        """Change a copy beside the file, and put it in the file's place unless the file was changed meanwhile."""
        before = self._encrypted()
        with tempfile.TemporaryDirectory(prefix=".sops-", dir=self._path.parent) as folder:
            copy = Path(folder) / self._path.name
            copy.write_bytes(before)
            copy.chmod(self._path.stat().st_mode & 0o777)
            self._run(["set", "--value-stdin", str(copy), json.dumps([name])], json.dumps(value.reveal()))
            if self._encrypted() != before:
                raise SecretsError(f"Somebody else changed {self._name} at the same time.", hint="repeat it")
            copy.replace(self._path)
        return ""

    def _encrypted(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            hint = f"correct {self.uri}, or create the file with `sops edit`"
            raise SecretsError(f"{self._name}: {error.strerror}.", hint=hint) from None

    def _run(self, argv: list[str], stdin: str = "") -> str:
        try:
            return output(["sops", *argv], self._folder, WITHIN, stdin)
        except SecretsError as error:
            said = error.problem.splitlines()[0].removeprefix("sops: ").rstrip(".")
            raise SecretsError(f"SOPS can't open {self._name}: {said}.", hint=_HINT) from None
        except ToolError as error:
            error.add_hint("install it from https://getsops.io")
            raise


def _modified(encrypted: bytes) -> datetime | None:
    """The time that SOPS noted in the file, unencrypted."""
    found = _MODIFIED.search(encrypted.decode(errors="replace"))
    return parsing.time(found[1]) if found else None
