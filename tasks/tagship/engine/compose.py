"""Runs Docker Compose to create and run containers. Models go to it by stdin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagship.errors import RolloutError
from tagship.system import programs, scratch
from tagship.system.compose_program import as_yaml, command


def create(socket: Path, model: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Create a project's missing containers, without starting them. Raises RolloutError.

    Keeps existing ones, even if the model or Compose's version has changed.
    """
    _project(socket, model, ["create", "--no-recreate", "--quiet-pull", "--no-build"], environment)


def recreate(socket: Path, model: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Replace a project's containers by new ones with the same volumes, without starting them.

    Raises RolloutError.
    """
    _project(socket, model, ["create", "--force-recreate", "--quiet-pull", "--no-build"], environment)


def up(socket: Path, model: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Create and start a project, and pull missing images. Raises RolloutError."""
    _project(socket, model, ["up", "--detach", "--quiet-pull", "--no-build"], environment)


def run_once(
    socket: Path, model: Mapping[str, Any], service: str, argv: tuple[str, ...], environment: Mapping[str, str]
) -> programs.Output:
    """Run a command in a one-off container of a service. Raises RolloutError with the last lines of output."""
    arguments = ["run", "--rm", "--no-deps", "--no-TTY", "--interactive=false", "--quiet-pull", service, *argv]
    return _project(socket, model, arguments, environment)


def _project(
    socket: Path, model: Mapping[str, Any], arguments: list[str], environment: Mapping[str, str]
) -> programs.Output:
    argv = [*command(), "--env-file", "/dev/null", "--progress", "quiet", "-p", model["name"], "-f", "-", *arguments]
    env = {**environment, "DOCKER_HOST": f"unix://{socket}"}
    with scratch.folder() as empty:
        return programs.run(argv, stdin=as_yaml(model), cwd=empty, env=env, fails_as=RolloutError)
