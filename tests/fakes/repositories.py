"""A git repository for one test."""

import os
import subprocess
from pathlib import Path

KEPT = ("PATH", "GIT_COMMITTER_DATE")
"""Git's environment; pytest may run in a hook, whose variables would name another repository."""


class Repository:
    """A folder under git, with one commit when it is new."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / ".git").exists():
            self.run("init", "-q", "-b", "main")
            self.write("app.py", "print(1)\n")
            self.commit()
        self.first = (folder / ".git/refs/heads/main").read_text().strip()

    def run(self, *words: str) -> str:
        """Run git."""
        identity = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"HOME": str(self.folder)}
        argv = ["git", *identity, *words]
        done = subprocess.run(argv, cwd=self.folder, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def commit(self, message: str = "change") -> str:
        """Commit everything; the SHA."""
        self.run("add", "--all")
        self.run("commit", "-q", "--allow-empty", "-m", message)
        return self.run("rev-parse", "HEAD")
