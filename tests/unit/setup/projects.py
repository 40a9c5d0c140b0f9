"""Projects as `init` reads them, without Compose: their model as Compose merges it."""

from pathlib import Path
from typing import Any

import yaml

from tagship.setup import dockerfile, overlay, places
from tagship.setup.compose import Compose
from tagship.setup.draft import Draft, Project
from tagship.setup.places import Places
from tagship.setup.values import Values


def project(folder: Path, services: dict[str, Any], **files: str) -> Project:
    """A project with these services, and files in its folder: `backend__Dockerfile` is backend/Dockerfile."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    node = yaml.compose(yaml.safe_dump({"services": services}, sort_keys=False), Loader=yaml.CSafeLoader)
    found = Compose(("docker-compose.yml",), {"name": "shop", "services": services}, ((node,),) if node else ())
    made = {n: m for n, s in services.items() if (m := dockerfile.of_service(s, folder))}
    tracked = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Project(folder, found, made, tracked)


def drafted(found: Project, examples: dict[str, str] | None = None) -> tuple[Draft, Places, Values]:
    """What a deploy of a project needs otherwise."""
    placed = places.place(found.compose.services, {name: file for name, (_, file) in found.made.items()})
    values = Values()
    return overlay.draft(found, placed, values, examples or {}), placed, values


def changes(draft: Draft, service: str) -> dict[str, str]:
    """Key → what the overlay says, for one service."""
    return {change.key: change.value.strip() for change in draft.changes if change.service == service}
