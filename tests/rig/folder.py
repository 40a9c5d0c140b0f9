"""Where the rig keeps what it downloads (cache) and what belongs to the running one (run)."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

# The environment entry, holding the folder, by which the rig proves that a process is its own.
MARK = "TAGSHIP_RIG_OWNER"
BESIDE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which this is of the test processes that run side by side, each with a rig of its own."""


@dataclass(frozen=True)
class Folder:
    """The rig's one folder; every process it starts bears the folder's path in its environment."""

    path: Path
    beside: Path | None = None
    """The folder of the first rig, where this is another's: what is only read is there once, for all."""

    @classmethod
    def default(cls) -> "Folder":
        """`$TAGSHIP_RIG`, or `~/.cache/tagship-rig`; the second test process has `1.tagship-rig` beside it."""
        named = os.environ.get("TAGSHIP_RIG")
        path = (Path(named) if named else Path.home() / ".cache" / "tagship-rig").absolute()
        return cls(path.with_name(f"{BESIDE}.{path.name}"), path) if BESIDE else cls(path)

    @property
    def cache(self) -> Path:
        """What a later start can use again."""
        return self.path / "cache"

    @property
    def packages(self) -> Path:
        """What comes from Debian's and Python's packages, and is only read."""
        return (self.beside or self.path) / "cache"

    @property
    def run(self) -> Path:
        """Sockets, logs and configuration of the running rig."""
        return self.path / "run"

    @property
    def root(self) -> Path:
        """The Debian tree that every machine of the rig shares, read-only."""
        return self.packages / "root"

    @property
    def tools(self) -> Path:
        """Unpacked packages, one folder each."""
        return self.packages / "tools"

    @property
    def cgroup(self) -> str:
        """The control group above those of its containers."""
        return f"tagship-rig-{hashlib.sha256(bytes(self.path)).hexdigest()[:8]}"
