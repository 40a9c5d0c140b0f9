"""Collects what an environment gives to the names that its Compose file needs: from files, and from secret stores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tagship.project.schema import Settings
from tagship.release.references import Needs
from tagship.secret import Secret
from tagship.variables import files, secrets
from tagship.variables.secrets import Given

EXAMPLE = ".env.example"
"""Beside tagship.yml; `FILE.example` of each file in `variables` counts, too."""


@dataclass(frozen=True)
class Values:
    """Values by name. A file's value counts, even if a store has another."""

    needed: Needs
    plain: Mapping[str, str]
    """From files, of a record, or Tagship's own."""
    stored: Mapping[str, Given]
    """From stores; also of names that a file gives, which `secrets` omits."""
    examples: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Name → value and file, for each line of the example files."""

    @property
    def secrets(self) -> dict[str, Secret]:
        """The secrets that count."""
        return {name: given.value for name, given in self.stored.items() if name not in self.plain}

    def get(self, name: str) -> str | None:
        """The value that counts, revealed; None for none."""
        if name in self.plain:
            return self.plain[name]
        return self.stored[name].value.reveal() if name in self.stored else None

    def changed(self, name: str) -> datetime | None:
        """When a secret was last changed, if its store knows."""
        return self.stored[name].changed if name in self.stored else None


def read(settings: Settings, needed: Needs, folder: Path, plain: Mapping[str, str], fixed: Mapping[str, str]) -> Values:
    """Ask the stores. Raises SecretsError, ConfigError.

    `plain`: what files give. `fixed`: names that are no matter of files or stores; no store is asked for them.
    """
    asked = needed.keys() - fixed.keys()
    stored = secrets.read(settings.secrets, asked - plain.keys(), folder, given=asked & plain.keys())
    return Values(needed, {**plain, **fixed}, stored, _examples(settings, folder))


def _examples(settings: Settings, folder: Path) -> dict[str, tuple[str, str]]:
    """The plain lines of the example files; any other line is ignored."""
    found: dict[str, tuple[str, str]] = {}
    for name in (EXAMPLE, *(f"{file}.example" for file in settings.variables)):
        if (path := folder / name).is_file():
            for line in path.read_text(errors="replace").splitlines():
                found |= {key: (value, name) for key, value in files.plain(line)[0].items()}
    return found
