"""Reads, merges and interpolates the Compose file, through Compose itself."""

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tagship.errors import ConfigError
from tagship.release.model import Sources
from tagship.source import compose_error
from tagship.system import programs, scratch, yaml_lines
from tagship.system.compose_program import as_yaml, command

_LEAST = 2
"""The keys `services` and its name are enough to say where a service stands."""
_READ = ("--no-interpolate", "--no-path-resolution", "--format", "yaml")
"""The output format, YAML: in its JSON, Compose prints an uninterpolated `entrypoint: []` as null."""


class _Printed(yaml.CSafeLoader):
    """Reads YAML as Go prints it (yaml.v3), where every ambiguous string is quoted."""


_Printed.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"-?[0-9]+", "-0123456789"),
    ("float", r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?", "-0123456789"),
    ("null", r"null", "n"),
):
    _Printed.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), list(_first))


Committed = Callable[[], frozenset[str]]
"""Asks git for the files of a commit."""


def merged(files: tuple[str, ...], folder: Path, name: str) -> str:
    """The Compose files of a work tree as Compose prints them in one, uninterpolated. Raises ConfigError."""
    given = [word for file in files for word in ("-f", file)]
    project = [] if any(_names_itself(folder / file) for file in files) else ["--project-name", name]
    argv = ["--env-file", "/dev/null", "--profile", "*", *project, *given, "config", *_READ]
    try:
        return programs.run([*command(), *argv], cwd=folder, env={"PWD": str(folder)}, fails_as=ConfigError).out
    except ConfigError as error:
        raise compose_error.explained(error, files, folder) from None


def sources(
    files: tuple[str, ...], folder: Path, committed: Committed, name: str, printed: Callable[[], str] | None = None
) -> Sources:
    """The merged, uninterpolated Compose file of a work tree, and the content of the files that it names.

    `printed` gives what `merged` returns for the same files, if it was asked before.
    """
    model = yaml.load(printed() if printed else merged(files, folder, name), Loader=_Printed) or {}  # noqa: S506 - a safe loader
    if not model.get("services"):
        raise ConfigError(f"{', '.join(files)} has no services.", hint="add them, or correct `compose` in tagship.yml")
    paths = [
        *(item["path"] for service in model["services"].values() for item in service.get("env_file") or ()),
        *(item["file"] for item in (model.get("configs") or {}).values() if "file" in item),
    ]
    held = committed() if paths else frozenset()
    return Sources(model, {path: _read(folder, path) for path in paths if os.path.normpath(path) in held})


def interpolate(wanted: Sources, variables: Mapping[str, str]) -> dict[str, Any]:
    """Resolve `${…}` from these variables only. Raises ConfigError with Compose's message."""
    with scratch.folder() as folder:
        for path, content in wanted.files.items():
            file = folder / path
            if not file.resolve().is_relative_to(folder.resolve()):
                raise ConfigError(f"The Compose file names {path}, outside the project.", hint="move it inside")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        argv = ["--env-file", "/dev/null", "-f", "-", "config", "--no-path-resolution", "--format", "json"]
        done = programs.run(
            [*command(), *argv], stdin=as_yaml(wanted.model), cwd=folder, env=variables, fails_as=ConfigError
        )
    resolved: dict[str, Any] = json.loads(done.out)
    return resolved


def where(files: tuple[str, ...], folder: Path, *keys: str) -> str:
    """`FILE:LINE: ` of the last file that has most of these keys; empty if none has the first two."""
    best = (_LEAST - 1, 0, "")
    for name in files:
        try:
            node = yaml_lines.read((folder / name).read_text())
        except (OSError, UnicodeDecodeError):
            continue
        line, depth = yaml_lines.line(node, keys)
        best = max(best, (depth, line, name), key=lambda found: found[0])
    depth, line, name = best
    return f"{name}:{line}: " if name else ""


def _names_itself(file: Path) -> bool:
    """Whether a Compose file has `name:`. Compose will report a file that isn't YAML."""
    try:
        documents = list(yaml.compose_all(file.read_text(), Loader=yaml.CSafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    tops = (top for top in documents if isinstance(top, yaml.MappingNode))
    return any(key.value == "name" and value.value for top in tops for key, value in top.value)


def _read(folder: Path, path: str) -> str:
    try:
        return (folder / path).read_text()
    except OSError as error:
        raise ConfigError(f"The Compose file names {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"The Compose file names {path}, which isn't text, and Compose accepts only text.",
            hint="put it into the image",
        ) from None
