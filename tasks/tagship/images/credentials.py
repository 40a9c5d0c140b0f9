"""A registry's user name and password: from the environment, or where `docker login` keeps them. Never in argv."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tagship.errors import ConfigError, RegistryError, TagshipError
from tagship.system.programs import run

USERNAME, PASSWORD = "TAGSHIP_REGISTRY_USERNAME", "TAGSHIP_REGISTRY_PASSWORD"
DOCKER_HUB = "https://index.docker.io/v1/"
"""The key Docker's client keeps Docker Hub's credentials under."""

Credentials = Callable[[str], Mapping[str, str]]
"""A registry's host → `{username, password, serveraddress}`; empty when none are known."""


def known(registry: str) -> Credentials:
    """What is known of every registry: what is in the environment is for the host of `registry` alone.

    Looked up when asked for, and once. The lookup raises what `credentials` raises.
    """
    return cache(lambda host: credentials(host) if host == registry else _stored(host))


def credentials(host: str) -> dict[str, str]:
    """`{username, password, serveraddress}` for the registry of tagship.yml; empty when none are known.

    Raises RegistryError when a credential helper fails, ConfigError when only half is in the environment.
    """
    username, password = os.environ.get(USERNAME, ""), os.environ.get(PASSWORD, "")
    if bool(username) != bool(password):
        raise ConfigError(f"Only one of {USERNAME} and {PASSWORD} is set.", hint="set both, or neither")
    if username:
        return {"username": username, "password": password, "serveraddress": host}
    return _stored(host)


def _stored(host: str) -> dict[str, str]:
    host = DOCKER_HUB if host == "docker.io" else host
    kept = _docker_config()
    helper = (kept.get("credHelpers") or {}).get(host) or kept.get("credsStore")
    if helper:
        return _helped(str(helper), host)
    auth = (kept.get("auths") or {}).get(host, {}).get("auth")
    if not auth:
        return {}
    username, _, password = base64.b64decode(auth).decode().partition(":")
    return {"username": username, "password": password, "serveraddress": host}


def _docker_config() -> dict[str, Any]:
    folder = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    try:
        kept: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise ConfigError(f"{folder / 'config.json'} is not JSON.") from None
    return kept


def _helped(helper: str, host: str) -> dict[str, str]:
    """What a credential helper keeps (docker/docker-credential-helpers: the host on stdin, JSON on stdout)."""
    try:
        said = json.loads(run([f"docker-credential-{helper}", "get"], stdin=host, fails_as=RegistryError).out)
    except TagshipError as error:
        if "not found" in error.problem:
            return {}
        raise
    return {"username": said["Username"], "password": said["Secret"], "serveraddress": host}
