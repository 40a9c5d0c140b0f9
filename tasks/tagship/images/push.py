"""Builds and pushes images with the engine of this machine."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagship.engine.client import Engine, encode_credentials
from tagship.errors import BuildError, EngineError, RegistryError, ToolError
from tagship.release.model import Digest
from tagship.system import programs

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PUSH_TRIES = 3
_PERMANENT = (
    "denied",
    "unauthorized",
    "authentication required",
    "does not exist",
    "no basic auth",
    "insufficient_scope",
)


def local_socket() -> Path:
    """The Docker socket of this machine: DOCKER_HOST, else the usual one, else the current Docker context's.

    Raises ToolError when DOCKER_HOST is another machine's.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if host.startswith("unix://"):
        return Path(host.removeprefix("unix://"))
    if host:
        raise ToolError(f"DOCKER_HOST is {host}.", hint="images are built by an engine on this machine: unset it")
    if DEFAULT_SOCKET.exists():
        return DEFAULT_SOCKET
    said = programs.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).out.strip()
    return Path(said.removeprefix("unix://"))


def bake(socket: Path, definition: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> None:
    """Build every target, in one parallel build. Raises BuildError with the last lines of what was said.

    `secrets`: the variables that the definition takes build secrets from.
    """
    argv = [*programs.docker_plugin("buildx"), "bake", "--progress", "plain", "--file", "-"]
    settings = {"DOCKER_HOST": f"unix://{socket}", "BUILDX_GIT_INFO": "0", "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}
    env = programs.environment({**(secrets or {}), **settings})
    done = subprocess.run(
        argv, input=json.dumps(definition), env=env, text=True, errors="backslashreplace", check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        raise BuildError("An image could not be built:\n  " + "\n  ".join(done.stdout.strip().splitlines()[-25:]))


def image(engine: Engine, reference: str) -> dict[str, Any] | None:
    """What the engine knows of an image; None when it isn't there."""
    try:
        found: dict[str, Any] = engine.get(f"/images/{reference}/json")
    except EngineError as error:
        if error.status == 404:  # noqa: PLR2004 - HTTP
            return None
        raise
    return found


def pushed_digests(found: Mapping[str, Any], repository: str) -> set[Digest]:
    """The digests an image is known by in a repository it was pushed to or pulled from."""
    return {
        Digest(reference.partition("@")[2])
        for reference in found.get("RepoDigests") or ()
        if reference.partition("@")[0] == repository
    }


def push(engine: Engine, repository: str, tag: str, credentials: Mapping[str, str]) -> Digest:
    """Push one tag; transient failures are tried again. Returns its digest. Raises RegistryError."""
    headers = {"X-Registry-Auth": encode_credentials(credentials)}
    problem = ""
    for _ in range(PUSH_TRIES):
        digest, problem = "", ""
        for line in engine.stream("POST", f"/images/{repository}/push", headers, tag=tag):
            digest = (line.get("aux") or {}).get("Digest", digest)
            problem = line.get("error", problem)
        if digest and not problem:
            return Digest(digest)
        if any(words in problem for words in _PERMANENT):
            break
    raise RegistryError(
        f"Pushing {repository}:{tag} failed: {problem}.", hint="run `docker login`; is the repository's name right?"
    )
