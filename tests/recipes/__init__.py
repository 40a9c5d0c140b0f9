"""The recipes of docs/recipes.md, as files, and the code that stands in for the reader's own."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/recipes.md"
CODE = Path(__file__).parent / "code"
CODE_OF = {"WebSocket": "chat.py"}
"""Recipe → its program, if it isn't the web application."""
_FILE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def read() -> dict[str, dict[str, str]]:
    """Heading → path → text, of each recipe's files."""
    _, *sections = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.MULTILINE)
    return {title: dict(_FILE.findall(text)) for title, text in zip(sections[::2], sections[1::2], strict=True)}


def write(title: str, folder: Path) -> list[Path]:
    """A recipe's files with the code beside them; returns the folders that have a tagship.yml."""
    found = read()
    for path, text in found[title].items():
        if not path.startswith("/"):
            _write(folder / path, text)
    apps = [path.parent for path in folder.rglob("tagship.yml")]
    for app in apps:
        if not (app / "Dockerfile").exists():
            _write(app / "Dockerfile", found["Only a Dockerfile"]["Dockerfile"])
        _write(app / "app.py", (CODE / CODE_OF.get(title, "web.py")).read_text())
        _write(app / "worker.py", (CODE / "worker.py").read_text())
        _write(app / "job.py", (CODE / "job.py").read_text())
        _write(app / "public/index.html", "Welcome\n")
    _write(folder / "shared/README", "for both\n")
    return sorted(apps)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
