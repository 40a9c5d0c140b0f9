"""Finds a registry's password or token: in the environment, from AWS, or where `docker login` stores it."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tagship.errors import ConfigError, RegistryError, TagshipError, ToolError
from tagship.project.values import ecr_region
from tagship.system.deadline import Deadline
from tagship.system.programs import run

USERNAME, PASSWORD = "TAGSHIP_REGISTRY_USERNAME", "TAGSHIP_REGISTRY_PASSWORD"
DOCKER_HUB = "https://index.docker.io/v1/"
"""The key for Docker Hub's credentials in Docker's config.json."""

HELPER_WITHIN = 30.0
"""Seconds that a credential helper may take: one may ask a password manager, or a cloud."""
_IDENTITY = "<token>"
"""The user name by which a credential helper says that it gives an identity token, as Docker reads it."""
_AGAIN = "run `docker login` again"
Credentials = Callable[[str], Mapping[str, str]]
"""A registry's host → `{username, password, serveraddress}` or `{identitytoken, serveraddress}`; empty if unknown.

An engine takes both. A login elsewhere, such as Azure's, gives an identity token instead of a password.
"""


def known(registry: str) -> Credentials:
    """Looks up credentials of any registry. Those in the environment are only for the host of `registry`.

    Each lookup happens once, when needed, and raises what `credentials` raises.
    """
    return cache(lambda host: credentials(host) if host == registry else _stored(host))


def credentials(host: str) -> dict[str, str]:
    """What `Credentials` gives for the registry of tagship.yml.

    Raises RegistryError if a credential helper or AWS refuses, ToolError without botocore, ConfigError if the
    environment has only one of the two.
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
    helper = (kept.get("credHelpers") or {}).get(host)
    if (region := ecr_region(host)) and not helper:
        return _of_aws(host, region, kept)
    return _kept(host, kept, helper or kept.get("credsStore"))


def _of_aws(host: str, region: str, kept: Mapping[str, Any]) -> dict[str, str]:
    """A token by AWS's credentials; if AWS gives none, what `docker login` stored, which expires after 12 hours."""
    problem: TagshipError
    try:
        from tagship.images import ecr  # noqa: PLC0415 - botocore is heavy, and an extra
    except ModuleNotFoundError as error:
        problem = ToolError(f"{error.name} is not installed.", hint="run pip install 'tagship[aws]'")
    else:
        try:
            username, password = ecr.login(host, region)
        except RegistryError as error:
            problem = error
        else:
            return {"username": username, "password": password, "serveraddress": host}
    if found := _kept(host, kept, kept.get("credsStore")):
        return found
    raise problem


def _kept(host: str, kept: Mapping[str, Any], helper: object) -> dict[str, str]:
    if helper:
        return _helped(str(helper), host)
    account = (kept.get("auths") or {}).get(host) or {}
    if token := account.get("identitytoken"):  # beside it, `auth` has no password
        return {"identitytoken": str(token), "serveraddress": host}
    if not account.get("auth"):
        return {}
    try:
        username, _, password = base64.b64decode(account["auth"]).decode().partition(":")
    except (ValueError, TypeError):
        raise ConfigError(f"Docker's config.json has no account for {host} that can be read.", hint=_AGAIN) from None
    return {"username": username, "password": password, "serveraddress": host}


def _docker_config() -> dict[str, Any]:
    folder = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    try:
        kept: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        raise ConfigError(
            f"{folder / 'config.json'} is not JSON.", hint="correct it, or run `docker login` anew"
        ) from None
    if not _is_config(kept):
        raise ConfigError(f"{folder / 'config.json'} isn't Docker's.", hint="correct it, or run `docker login` anew")
    return kept


def _is_config(kept: object) -> bool:
    """Whether this is shaped like Docker's config.json, as far as it is read here."""
    if not isinstance(kept, dict):
        return False
    accounts, helpers = kept.get("auths") or {}, kept.get("credHelpers") or {}
    return (
        isinstance(helpers, dict)
        and isinstance(accounts, dict)
        and all(isinstance(account, dict | None) for account in accounts.values())
    )


def _helped(helper: str, host: str) -> dict[str, str]:
    """Ask a credential helper (docker/docker-credential-helpers: the host on stdin, JSON on stdout).

    It gets this process's whole environment, as from Docker: one of a cloud finds its credentials there.
    """
    until = Deadline()
    until.move(HELPER_WITHIN)
    argv = [f"docker-credential-{helper}", "get"]
    try:
        answer = _answer(run(argv, stdin=host, env=os.environ, fails_as=RegistryError, until=until).out)
    except ToolError as error:
        error.add_hint("install it, or remove it from Docker's config.json")
        raise
    except TagshipError as error:
        if "not found" in error.problem:
            return {}
        error.add_hint("check that what it asks is reachable and unlocked, or run `docker login` again")
        raise
    try:
        username, password = str(answer["Username"]), str(answer["Secret"])
    except (KeyError, TypeError):
        raise RegistryError(f"docker-credential-{helper} gives no account for {host}.", hint=_AGAIN) from None
    if username == _IDENTITY:
        return {"identitytoken": password, "serveraddress": host}
    return {"username": username, "password": password, "serveraddress": host}


def _answer(said: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None
