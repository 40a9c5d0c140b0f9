"""What is left after `init`: what a deploy leaves out or still refuses, and what only a person can do."""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from tagship.names import Place, Version
from tagship.project import file as config_file
from tagship.project.schema import Config
from tagship.release import findings
from tagship.release.shape import shape
from tagship.setup.compose import Compose
from tagship.setup.places import Places
from tagship.setup.toolchains import Suite
from tagship.source import compose_file
from tagship.system import scratch

NOWHERE = "example.com"


def left_out(found: Compose, placed: Places) -> list[str]:
    """What a deploy drops in any case, as its own plan says."""
    settings = Config.model_validate({
        "app": "x", "release": {"services": placed.services, "accessories": placed.accessories},
        "routes": {path: f"{service}:{port}" for path, (service, port) in placed.routes.items()},
        "environments": {"local": {"engine": "local", "url": "http://localhost"}},
    })  # fmt: skip
    lines = findings.dropped(found.model, shape(settings, found.services))
    return [*lines, *(["`version` is ignored by Compose; you may remove it."] if _has_version(found) else [])]


def refused(folder: Path, files: Mapping[str, str], app: str) -> list[str]:
    """What a deploy would still refuse with the proposed files. Raises ConfigError if they don't fit together."""
    with scratch.folder() as temporary:
        for name, text in files.items():
            (temporary / name).write_text(text)
        config = config_file.load(temporary / config_file.FILE)
        merged = tuple(str(temporary / n) if n in files else n for n in config.compose)
        model = compose_file.sources(merged, folder, frozenset, app).model
    found = shape(config, model["services"])
    place = Place(app, "production")
    lines = findings.of(place, Version("0" * 40), model, found, services=found.services, allow=config.allow)
    return [f"A deploy refuses: {line}" for line in (*findings.unplaced(model, found, config.allow), *lines)]


def installs(suites: Iterable[Suite]) -> list[str]:
    """The programs to install for suites that are only comments so far."""
    return [
        f"Install {suite.lacking}, and remove the `#` of {suite.component}'s {suite.kind} in tagship.yml: "
        f"`{suite.run[0]}` ({suite.why})."
        for suite in suites
        if suite.lacking
    ]


def steps(placed: Places, *, unnamed: bool) -> list[str]:
    """What everybody does after the files are committed. `unnamed`: the servers have no names yet."""
    up = "tagship accessories.up --env local && " if placed.accessories else ""
    there = "tagship accessories.up --env staging, and " if placed.accessories else ""
    servers = ["Write your servers into tagship.yml: `engine` and `url` of staging and production."] if unnamed else []
    return [
        f"Try it here: {up}tagship ship --env local",
        *servers,
        f"tagship doctor --env staging says what that server lacks; then {there}tagship ship --env staging.",
        "tagship github.workflows writes the workflows that deploy pushes to `staging` and `main`.",
    ]


def _has_version(found: Compose) -> bool:
    return any(
        key.value == "version"
        for node in itertools.chain(*found.nodes)
        if isinstance(node, yaml.MappingNode)
        for key, _ in node.value
    )
