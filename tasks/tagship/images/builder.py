"""What this machine's builder can do, compared with what a build asks of it, before it starts."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.engine.client import Engine
from tagship.errors import CheckError
from tagship.project.build_settings import BuildSettings
from tagship.system import programs

GITHUB_CACHE = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_RESULTS_URL", "ACTIONS_CACHE_URL", "ACTIONS_CACHE_SERVICE_V2")
"""Variables by which buildx finds GitHub's cache. GitHub gives them to actions in JavaScript, not to `run`."""
CHOICE = ("BUILDX_BUILDER", "BUILDX_CONFIG")
"""Variables by which a user chooses a builder."""

_STORE = "turn on the engine's containerd image store (docs.docker.com/go/containerd)"
_CONTAINERD = "io.containerd.snapshotter.v1"


@dataclass(frozen=True)
class Builder:
    """The builder that buildx would use, and the engine that its images are loaded into."""

    driver: str
    platforms: tuple[str, ...] = ()
    """What it can build for; empty if it doesn't say so, as before its first start."""
    containerd: bool = False
    """Whether the engine keeps images in containerd's store. The other has neither attestations nor more platforms."""


def environment(socket: Path) -> dict[str, str]:
    """The variables for buildx: the engine, the builder that the user chose, and the way to GitHub's cache."""
    passed = {name: os.environ[name] for name in (*CHOICE, *GITHUB_CACHE) if os.environ.get(name)}
    if "ACTIONS_RESULTS_URL" in passed:
        passed.setdefault("ACTIONS_CACHE_SERVICE_V2", "true")  # GitHub has ended the first
    return {**passed, "DOCKER_HOST": f"unix://{socket}"}


def observe(engine: Engine) -> Builder:
    """Ask buildx for its builder, and the engine for its image store. Raises ToolError."""
    said = programs.run([*programs.docker_plugin("buildx"), "inspect"], env=environment(engine.socket)).out
    found: dict[str, str] = {}
    for line in said.splitlines():  # the first of several nodes says what it can build for
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    platforms = tuple(each.strip(" *") for each in found.get("Platforms", "").split(",") if each.strip())
    stored = dict(pair for pair in engine.get("/info").get("DriverStatus") or () if len(pair) == 2)  # noqa: PLR2004
    return Builder(found.get("Driver", ""), platforms, stored.get("driver-type") == _CONTAINERD)


def refuse(engine: Engine, settings: BuildSettings, definition: Mapping[str, Any]) -> None:
    """Raises CheckError with all that a definition asks for and that its builder can't do."""
    if not asks(settings, definition):
        return
    if found := list(problems(observe(engine), settings, definition, os.environ)):
        hints = list(dict.fromkeys(hint for _, hint in found))
        raise CheckError("\n".join(text for text, _ in found), hint="; ".join(hints))


def asks(settings: BuildSettings, definition: Mapping[str, Any]) -> bool:
    """Whether anything depends on the builder."""
    return settings.cache != "none" or bool(settings.attests) or bool(_platforms(definition))


def problems(
    builder: Builder, settings: BuildSettings, definition: Mapping[str, Any], known: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What the builder can't do, each with a hint. `known`: this process's variables."""
    plain = builder.driver == "docker" and not builder.containerd
    if settings.cache != "none" and plain:
        hint = f"{_STORE}, or use another builder: `docker buildx create --use`, in CI docker/setup-buildx-action"
        yield f"build.cache: the engine's own builder can't keep a cache for `{settings.cache}`.", hint
    if settings.cache == "gha" and not (
        known.get(GITHUB_CACHE[0]) and (known.get(GITHUB_CACHE[1]) or known.get(GITHUB_CACHE[2]))
    ):
        text = "build.cache: gha needs ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL, which this process doesn't have."
        yield text, "pass them to the step, as Tagship's docs/builds.md shows, or use build.cache: registry"
    if settings.attests and not builder.containerd:
        keys = " and ".join(
            f"build.{key}" for key in ("provenance", "sbom") if getattr(settings, key) not in {"none", False}
        )
        yield f"{keys}: the engine's image store can't hold attestations.", _STORE
    for name, wanted in _platforms(definition).items():
        if len(wanted) > 1 and not builder.containerd:
            text = f"{name} is built for {', '.join(wanted)}, and the engine's image store holds one platform."
            yield text, f"{_STORE}, or keep the server's in `build.platforms`"
        lacking = [each for each in wanted if builder.platforms and not _fits(each, builder.platforms)]
        if lacking:
            hint = "install its emulation: `docker run --privileged --rm tonistiigi/binfmt --install all`"
            yield f"{name} is built for {', '.join(lacking)}, and the builder can't.", hint


def _platforms(definition: Mapping[str, Any]) -> dict[str, list[str]]:
    """Image → the platforms that the Compose file names for it."""
    return {name: target["platforms"] for name, target in definition["target"].items() if target.get("platforms")}


def _fits(wanted: str, platforms: tuple[str, ...]) -> bool:
    """Whether one of the builder's platforms is the wanted one; `linux/arm64/v8` is another name of `linux/arm64`."""
    same = wanted.removesuffix("/v8") if wanted.startswith("linux/arm64") else wanted
    return same in platforms
