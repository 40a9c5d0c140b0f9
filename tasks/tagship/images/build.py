"""Builds the images of a commit, in one parallel build on this machine's engine."""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tagship.engine.client import Engine
from tagship.errors import BuildError, ConfigError
from tagship.images import builder, definition
from tagship.images.commit import Images
from tagship.images.registry import UnreachableRegistryError
from tagship.project import here
from tagship.project.build_settings import BuildSettings
from tagship.project.schema import Config, Environment
from tagship.release import selection
from tagship.release.markers import Model
from tagship.release.references import Need
from tagship.secret import Secret
from tagship.source import compose_file, git
from tagship.system import programs
from tagship.system.parallel import ahead
from tagship.variables import check
from tagship.variables import files as variables
from tagship.variables import values as collected

_PULL_REQUEST = "pull_request"
_HERE = ("env://", "dotenv://", "command://")
"""Stores that send nothing to where tagship.yml says."""


def buildx(
    socket: Path,
    wanted: Mapping[str, Any],
    secrets: Mapping[str, Secret] | None = None,
    tell: Callable[[str], object] | None = None,
) -> None:
    """Build every target in one parallel build. Raises BuildError.

    `secrets`: the variables for build secrets. `tell` gets each line of output while it builds; then the error has only
    the last one, otherwise the last 25.
    """
    argv = [*programs.docker_plugin("buildx"), "bake", "--progress", "plain", "--file", "-"]
    settings = {"BUILDX_GIT_INFO": "0", "BUILDX_BAKE_ENTITLEMENTS_FS": "0", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    settings |= builder.environment(socket)
    env = programs.environment({**{name: value.reveal() for name, value in (secrets or {}).items()}, **settings})
    lines: list[str] = []
    with subprocess.Popen(
        argv, env=env, text=True, errors="backslashreplace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdin  # noqa: S101 - it was asked for
        assert process.stdout  # noqa: S101 - the same
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
                pipe.write(json.dumps(wanted))
            for line in process.stdout:
                lines.append(line.rstrip())
                if tell:
                    tell(lines[-1])
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        said = [line for line in lines if line.strip()]
        error = BuildError("An image can't be built:\n  " + "\n  ".join(said[-1 if tell else -25 :]))
        error.output = "\n".join(lines)
        raise error


def unbuildable(images: Images, settings: Config | Environment) -> list[str]:
    """What building lacks, one problem per line. A variable that is empty in one build stays empty under that SHA."""
    model = selection.build_part(images.sources).model
    lacking = [problem.text for problem in check.build_arguments(model, _known(images, settings), settings)]
    return [*lacking, *_contextless(model, images.folder, settings)]


def _contextless(model: Model, folder: Path, settings: Config | Environment) -> Iterator[str]:
    """Services whose folder or Dockerfile isn't there, as far as the Compose file says it without variables."""
    for name, service in model["services"].items():
        build = service.get("build") or {}
        context, file = str(build.get("context", ".")), str(build.get("dockerfile", "Dockerfile"))
        if definition.is_remote(context) or "$" in context + file:
            continue
        where = partial(compose_file.where, settings.compose, folder, "services", name, "build")
        if not (folder / context).is_dir():
            yield f"{where('context')}Service {name} is built in {context}, which isn't there."
        elif "dockerfile_inline" not in build and not (folder / context / file).is_file():
            yield f"{where('dockerfile')}Service {name} is built by {file}, which isn't in {context}."


def _known(images: Images, settings: Config | Environment) -> dict[str, str]:
    return {**variables.read(settings.variables, images.folder), "TAGSHIP_SHA": images.version.tag}


def resolve(images: Images, settings: Config | Environment) -> Model:
    """The services to build, with the values that a build knows. Raises ConfigError."""
    return compose_file.interpolate(selection.build_part(images.sources), _known(images, settings))


def build(  # noqa: PLR0913, PLR0917 - what a build depends on
    images: Images,
    settings: Config | Environment,
    resolved: Model,
    engine: Engine,
    tell: Callable[[str], object] | None = None,
    keeping: BuildSettings | None = None,
) -> list[str]:
    """Build the images that the registry lacks, of those from `resolve`. Returns their names. Raises BuildError.

    `tell` gets each line of the build's output. `keeping`: caches and attestations; none by default. Raises CheckError,
    before the build, if this machine's builder can't do what is wanted.
    """
    asked = ahead(images.digests)
    folder, version = images.folder, images.version
    labels = definition.labels(version, git.remote(folder), git.committed_at(version, folder))
    try:
        there = asked()
    except UnreachableRegistryError:
        there = {}  # a build needs no registry; the push will report it
    wanted = {service: name for service, name in images.names.items() if name not in there}
    if not wanted:
        return []
    needed = definition.secret_variables(resolved)
    if needed:
        refuse_stores(settings.secrets, os.environ.get("GITHUB_EVENT_NAME", ""))
    values = collected.read(settings, dict.fromkeys(needed, Need.SET), here.folder(), {}, {})
    check.refuse(check.problems(values, settings, datetime.now(UTC)), settings)
    described = definition.definition(
        resolved, wanted, folder, prefix=images.prefix, version=version, labels=labels,
        settings=keeping, writes=not _from_pull_request(),
    )  # fmt: skip
    builder.refuse(engine, keeping or BuildSettings(), described)
    buildx(engine.socket, described, values.secrets, tell)
    return sorted(set(wanted.values()))


def _from_pull_request() -> bool:
    """Whether a pull request's code is built, whose layers must not get into other builds."""
    return os.environ.get("GITHUB_EVENT_NAME", "").startswith(_PULL_REQUEST)


def refuse_stores(uris: Iterable[str], event: str) -> None:
    """Raises ConfigError where tagship.yml is a pull request's, and would say whom to send a token of a store to."""
    remote = [uri for uri in uris if not uri.startswith(_HERE)]
    if remote and event.startswith(_PULL_REQUEST):
        raise ConfigError(
            f"A pull request's build asks no store: {', '.join(remote)}.",
            hint="use env:// for build secrets, or build after the merge",
        )
