"""Where the rig keeps what it downloads (cache) and what belongs to the running one (run)."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

# The environment entry, holding the folder, by which the rig proves that a process is its own.
MARK = "TAGSHIP_RIG_OWNER"


@dataclass(frozen=True)
class Folder:
    """The rig's one folder; every process it starts bears the folder's path in its environment."""

    path: Path

    @classmethod
    def default(cls) -> "Folder":
        """`$TAGSHIP_RIG`, or `~/.cache/tagship-rig`."""
        named = os.environ.get("TAGSHIP_RIG")
        path = Path(named) if named else Path.home() / ".cache" / "tagship-rig"
        return cls(path.absolute())

    @property
    def cache(self) -> Path:
        """What a later start can use again."""
        return self.path / "cache"

    @property
    def run(self) -> Path:
        """Sockets, logs and configuration of the running rig."""
        return self.path / "run"

    @property
    def root(self) -> Path:
        """The Debian tree that every machine of the rig shares, read-only."""
        return self.cache / "root"

    @property
    def tools(self) -> Path:
        """Unpacked packages, one folder each."""
        return self.cache / "tools"

    @property
    def cgroup(self) -> str:
        """The control group above those of its containers."""
        return f"tagship-rig-{hashlib.sha256(bytes(self.path)).hexdigest()[:8]}"
