"""Docker Compose: it reads, merges and interpolates Compose files, and creates containers. All by stdin."""

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tagship.errors import ConfigError, RolloutError
from tagship.release.model import Sources
from tagship.system import programs, scratch

_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")
_READ = ("--no-interpolate", "--no-path-resolution", "--format", "yaml")
"""YAML: Compose's JSON of a file that isn't interpolated prints `entrypoint: []` as null, as if it weren't there."""


class _Printed(yaml.CSafeLoader):
    """Reads YAML as Go prints it (yaml.v3): every string that could be taken for something else is quoted."""


_Printed.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"-?[0-9]+", "-0123456789"),
    ("float", r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?", "-0123456789"),
    ("null", r"null", "n"),
):
    _Printed.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_form})$"), list(_first))


def sources(files: tuple[str, ...], folder: Path, committed: Callable[[], frozenset[str]], name: str) -> Sources:
    """The merged Compose file of a work tree, not interpolated, and the content of the files it names.

    `name` is the project's where the file gives it none: Compose would take the folder's, which differs from one
    machine to the next. Only files of the commit are read, and no secret's: what is read is kept. Raises ConfigError
    with what Compose said.
    """
    given = [word for file in files for word in ("-f", file)]
    project = [] if any(_names_itself(folder / file) for file in files) else ["--project-name", name]
    argv = ["--env-file", "/dev/null", "--profile", "*", *project, *given, "config", *_READ]
    said = programs.run([*_compose(), *argv], cwd=folder, env={"PWD": str(folder)}, fails_as=ConfigError)
    model = yaml.load(said.out, Loader=_Printed) or {}  # noqa: S506 - a safe loader
    if not model.get("services"):
        raise ConfigError(f"{', '.join(files)} names no services.")
    paths = [
        *(item["path"] for service in model["services"].values() for item in service.get("env_file") or ()),
        *(item["file"] for item in (model.get("configs") or {}).values() if "file" in item),
    ]
    held = committed() if paths else frozenset()
    return Sources(model, {path: _read(folder, path) for path in paths if os.path.normpath(path) in held})


def interpolate(wanted: Sources, variables: Mapping[str, str]) -> dict[str, Any]:
    """Resolve `${…}` from those variables and nothing else. Raises ConfigError with what Compose said."""
    with scratch.folder() as folder:
        for path, content in wanted.files.items():
            file = folder / path
            if not file.resolve().is_relative_to(folder.resolve()):
                raise ConfigError(f"The Compose file names {path}, outside the project.", hint="move it inside")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        argv = ["--env-file", "/dev/null", "-f", "-", "config", "--no-path-resolution", "--format", "json"]
        said = programs.run(
            [*_compose(), *argv], stdin=_yaml(wanted.model), cwd=folder, env=variables, fails_as=ConfigError
        )
    resolved: dict[str, Any] = json.loads(said.out)
    return resolved


def create(socket: Path, model: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Create the containers a project lacks, started by nobody yet. Raises RolloutError.

    One that exists is kept, whatever the model says by now and whatever another Compose would make of it.
    """
    _project(socket, model, ["create", "--no-recreate", "--quiet-pull", "--no-build"], environment)


def recreate(socket: Path, model: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Replace a project's containers by new ones that take over their volumes, started by nobody yet.

    Raises RolloutError.
    """
    _project(socket, model, ["create", "--force-recreate", "--quiet-pull", "--no-build"], environment)


def up(socket: Path, model: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Create and start a project, pulling images it lacks. Raises RolloutError."""
    _project(socket, model, ["up", "--detach", "--quiet-pull", "--no-build"], environment)


def run_once(
    socket: Path, model: Mapping[str, Any], service: str, argv: tuple[str, ...], environment: Mapping[str, str]
) -> programs.Finished:
    """Run a command in a one-off container of a service. Raises RolloutError with the last lines it printed."""
    words = ["run", "--rm", "--no-deps", "--no-TTY", "--interactive=false", "--quiet-pull", service, *argv]
    return _project(socket, model, words, environment)


def _project(
    socket: Path, model: Mapping[str, Any], words: list[str], environment: Mapping[str, str]
) -> programs.Finished:
    argv = [*_compose(), "--env-file", "/dev/null", "--progress", "quiet", "-p", model["name"], "-f", "-", *words]
    env = {**environment, "DOCKER_HOST": f"unix://{socket}"}
    with scratch.folder() as empty:
        return programs.run(argv, stdin=_yaml(model), cwd=empty, env=env, fails_as=RolloutError)


def _yaml(model: Mapping[str, Any]) -> str:
    """JSON that YAML reads, too: JSON escapes a character beyond the basic plane as two, which YAML refuses."""
    return _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(model))


def _names_itself(file: Path) -> bool:
    """Whether a Compose file says `name:`. One that isn't YAML is Compose's to complain about."""
    try:
        documents = list(yaml.compose_all(file.read_text(), Loader=yaml.CSafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    tops = (top for top in documents if isinstance(top, yaml.MappingNode))
    return any(key.value == "name" and value.value for top in tops for key, value in top.value)


def _compose() -> list[str]:
    return programs.docker_plugin("compose")


def _read(folder: Path, path: str) -> str:
    try:
        return (folder / path).read_text()
    except OSError as error:
        raise ConfigError(f"The Compose file names {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"The Compose file names {path}, which is no text, and Compose carries no other.",
            hint="put it into the image",
        ) from None
