"""The current project: its tagship.yml, and the folder that all paths are relative to."""

import os
from pathlib import Path

from tagship.errors import ConfigError
from tagship.project import file as config_file
from tagship.project.schema import Config

CONFIG = "TAGSHIP_CONFIG"


def config() -> Config:
    """Read the file that `config_path` finds."""
    return config_file.load(config_path())


def config_path() -> Path:
    """The file in TAGSHIP_CONFIG, or tagship.yml in the current folder or the nearest parent folder that has one."""
    if named := os.environ.get(CONFIG):
        return Path(named)
    here = current()
    found = next((f for above in (here, *here.parents) if (f := above / config_file.FILE).is_file()), None)
    return Path(os.path.relpath(found)) if found else Path(config_file.FILE)


def current() -> Path:
    """The current folder. Raises ConfigError if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigError("The current folder was deleted.", hint="change to one that exists") from None


def folder() -> Path:
    """The project's folder."""
    return config_path().resolve().parent
