"""The project that the current directory is in: its tagship.yml, and the folder that all paths start at."""

import os
from pathlib import Path

from tagship.project import file as config_file
from tagship.project.schema import Config

CONFIG = "TAGSHIP_CONFIG"


def config() -> Config:
    """tagship.yml of the current directory or the next one above, or the file that TAGSHIP_CONFIG names."""
    return config_file.load(config_path())


def config_path() -> Path:
    """Where the configuration is read from, looked for upwards as git does; all paths start at its folder."""
    if named := os.environ.get(CONFIG):
        return Path(named)
    here = Path.cwd()
    found = next((f for above in (here, *here.parents) if (f := above / config_file.FILE).is_file()), None)
    return Path(os.path.relpath(found)) if found else Path(config_file.FILE)


def folder() -> Path:
    """The project's folder."""
    return config_path().resolve().parent
