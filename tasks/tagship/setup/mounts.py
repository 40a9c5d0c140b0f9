"""What becomes of mounted folders and files, which a server doesn't have."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tagship.setup import known
from tagship.setup.draft import Change, Draft, Project, flow

_MOST = 20
"""Files of a mounted folder that become configs; more belong into an image."""


def look(project: Project, found: Draft, name: str, settings: Mapping[str, Any], *, accessory: bool) -> None:
    """Note what the overlay does about the mounts of one service."""
    mounted = [mount for mount in settings.get("volumes") or () if isinstance(mount, Mapping)]
    ours = [mount for mount in mounted if _of_project(mount)]
    if not ours:
        return
    look_at = _Look(project, found, name, settings, accessory)
    kept = [mount for mount in mounted if mount not in ours and not _shadowed(mount, ours)]
    configs: list[dict[str, str]] = []
    whys: list[str] = []
    for mount in ours:
        look_at.one(mount, kept, configs, whys)
    whys += [
        f"{mount['target']} only kept that mount from hiding the image's own files"
        for mount in mounted
        if _shadowed(mount, ours)
    ]
    at = project.compose.at(name, "volumes", str(ours[0]["source"]))
    value = f"!override {flow([_plain(mount) for mount in kept])}" if kept else "!reset []"
    look_at.add("volumes", value, f"{'; '.join(whys)}.", at)
    if configs:
        look_at.add("configs", flow(configs), "The mounted files travel with the release.", at)


class _Look:
    """One service whose mounts are looked at."""

    def __init__(self, project: Project, found: Draft, name: str, settings: Mapping[str, Any], accessory: bool) -> None:  # noqa: FBT001 - private
        self._project, self._found, self._name, self._settings = project, found, name, settings
        self._accessory = accessory
        self._made = project.made.get(name)

    def add(self, key: str, value: str, why: str, at: str) -> None:
        """Note a change."""
        self._found.changes.append(Change(self._name, key, value, why, at))

    def one(self, mount: Mapping[str, Any], kept: list[Any], configs: list[dict[str, str]], whys: list[str]) -> None:
        """Decide about one mount of the project's files."""
        source, target = str(mount["source"]), str(mount["target"])
        path = self._project.folder / source
        store = known.store(str(self._settings.get("image", "")))
        if self._accessory and store and store.data and target.startswith(store.data):
            volume = f"{self._name}-data"
            self._found.volumes.append(volume)
            kept.append({"type": "volume", "source": volume, "target": target})
            whys.append(f"{source} becomes the volume {volume}, empty at first")
        elif path.is_file():
            whys.append(f"{source} becomes a config")
            configs.append(self._config(source, target))
        elif self._made:
            whys.append(f"{source} is source, which the server doesn't have and the image brings")
            if not self._made[1].has("COPY", "ADD"):
                self._found.todo.append(
                    f"Have the Dockerfile of {self._name} COPY the source: so far only the mount of {source} brings it."
                )
        elif self._accessory or self._inside(path):
            self._folder(source, target, configs, whys)
        else:
            self._image(source, target, whys)

    def _inside(self, path: Path) -> bool:
        return any((path / name).is_file() for name in ("default.conf", "nginx.conf", "Caddyfile"))

    def _folder(self, source: str, target: str, configs: list[dict[str, str]], whys: list[str]) -> None:
        """Each file of a small folder becomes a config."""
        files = list(_files(self._project.folder / source))
        if not files or len(files) > _MOST:
            whys.append(f"{source} isn't on the server")
            self._found.todo.append(
                f"{self._name} mounts {source} at {target}, with {len(files) or 'no'} files here: build an image that "
                "has them, or leave it at that."
            )
            return
        whys.append(f"the files of {source} become configs")
        for file in files:
            relative = file.relative_to(self._project.folder / source).as_posix()
            configs.append(self._config(f"{source.rstrip('/')}/{relative}", f"{target.rstrip('/')}/{relative}"))

    def _image(self, source: str, target: str, whys: list[str]) -> None:
        """A service of a public image that shows a folder gets an image of its own with that folder."""
        base = self._settings.get("image")
        line = f"FROM {base}\nCOPY {flow([source.removeprefix('./'), target])}\n"
        at = self._project.compose.at(self._name, "volumes", source)
        self.add("image", "!reset null", f"It gets an image of its own, made of {base}.", at)
        self.add("build", f"{{context: ., dockerfile_inline: {flow(line)}}}", f"{source} is in that image.", at)
        whys.append(f"{source} goes into an image of its own")
        if source.rstrip("/") == "." and not (self._project.folder / ".dockerignore").is_file():
            self._found.todo.append(
                f"Write a .dockerignore with .env and .git: the image of {self._name} gets this whole folder."
            )

    def _config(self, source: str, target: str) -> dict[str, str]:
        key = re.sub(r"[^a-z0-9]+", "-", f"{self._name}-{Path(source).name}".lower()).strip("-")
        while self._found.configs.get(key, source) != source:
            key += "-2"
        self._found.configs[key] = source
        if source.removeprefix("./") not in self._project.tracked:
            self._found.todo.append(f"Commit {source}: it travels with the release, as a config.")
        return {"source": key, "target": target}


def _of_project(mount: Mapping[str, Any]) -> bool:
    """Whether a mount shows something of this project's folder, or of this person's home."""
    source = str(mount.get("source", ""))
    return mount.get("type") == "bind" and source.startswith((".", "~", "$PWD", "${PWD}"))


def _shadowed(mount: Mapping[str, Any], ours: list[Mapping[str, Any]]) -> bool:
    """Whether an anonymous volume only keeps a mount of source from hiding what the image has there."""
    target = str(mount.get("target", ""))
    anonymous = mount.get("type") == "volume" and not mount.get("source")
    return anonymous and any(target.startswith(f"{str(other['target']).rstrip('/')}/") for other in ours)


def _plain(mount: Mapping[str, Any]) -> Any:  # noqa: ANN401 - short or long form
    """A mount in Compose's short form, if that says all."""
    if set(mount) <= {"type", "source", "target", "volume", "bind"} and mount.get("source") and not mount.get("volume"):
        return f"{mount['source']}:{mount['target']}"
    return {key: value for key, value in mount.items() if value not in ({}, None)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
