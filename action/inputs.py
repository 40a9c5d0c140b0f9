"""Reads and validates the action's inputs."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from action.errors import ActionError

PREFIX = "INPUT_"
SECRETS = ("INPUT_SSH_KEY", "INPUT_REGISTRY_PASSWORD", "INPUT_GITHUB_TOKEN")
"""The inputs that are masked before anything else is done."""

_SHELL = re.compile(r"[;&|<>$`(){}\\*?!#]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SHA = re.compile(r"[0-9a-f]{4,40}")
_IMAGE = re.compile(r"\S+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Inputs:
    """The validated inputs. Secrets never appear in its repr."""

    run: tuple[str, ...]
    folder: Path
    """Where the tasks run: `working-directory`, inside the workspace."""
    environment: str = ""
    sha: str = ""
    config: str = ""
    digests: str = ""
    known_hosts: str = ""
    allow_unprotected: str = ""
    summary: bool = True
    registry_username: str = ""
    registry_password: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    github_token: str = field(default="", repr=False)


def read(given: Mapping[str, str]) -> Inputs:
    """The inputs in INPUT_… variables. Raises ActionError with the invalid input."""
    told = {name.removeprefix(PREFIX): value for name, value in given.items() if name.startswith(PREFIX)}
    text = {name: told.get(name, "").strip() for name in told}
    workspace = Path(given.get("GITHUB_WORKSPACE") or ".").resolve()
    username, password = text.get("REGISTRY_USERNAME", ""), told.get("REGISTRY_PASSWORD", "")
    if bool(username) != bool(password):
        raise ActionError("Only one of registry-username and registry-password is given.", "Give both, or neither.")
    folder = _inside(workspace, text.get("WORKING_DIRECTORY") or ".", "working-directory")
    return Inputs(
        run=_words(text.get("RUN") or "ship"),
        folder=folder,
        environment=_matching(_SLUG, text.get("ENVIRONMENT", ""), "environment", "a name in tagship.yml"),
        sha=_matching(_SHA, text.get("SHA", ""), "sha", "4 to 40 hex digits of a commit"),
        config=_config(folder, text.get("CONFIG", "")),
        digests=_digests(text.get("DIGESTS", "")),
        known_hosts=text.get("KNOWN_HOSTS", ""),
        allow_unprotected=_matching(
            _SLUG, text.get("ALLOW_UNPROTECTED", ""), "allow-unprotected", "the name of one environment"
        ),
        summary=_flag(text.get("SUMMARY") or "true"),
        registry_username=username,
        registry_password=password,
        ssh_key=_key(told.get("SSH_KEY", "")),
        github_token=text.get("GITHUB_TOKEN", ""),
    )


def _words(run: str) -> tuple[str, ...]:
    if _CONTROL.search(run):
        raise ActionError("`run` contains a control character.", "Name the tasks on one line, like run: test lint")
    if found := _SHELL.search(run):
        raise ActionError(f"`run` contains {found[0]!r}, but isn't a shell command.", "Name tasks: build push")
    try:
        return tuple(shlex.split(run))
    except ValueError as error:
        raise ActionError(f"`run` can't be read: {error}.", "Close the quotes.") from None


def _matching(pattern: re.Pattern[str], value: str, name: str, means: str) -> str:
    if value and not pattern.fullmatch(value):
        raise ActionError(f"`{name}` is {value!r}.", f"Use {means}.")
    return value


def _inside(workspace: Path, value: str, name: str) -> Path:
    """The folder; symbolic links must not lead out of the workspace either."""
    if _CONTROL.search(value):
        raise ActionError(f"`{name}` is {value!r}.", "Use a path.")
    path = (workspace / value).resolve()
    if not path.is_relative_to(workspace) or not path.is_dir():
        raise ActionError(f"`{name}` is {value!r}.", "Use a folder inside the workspace, after actions/checkout.")
    return path


def _config(folder: Path, value: str) -> str:
    if not value:
        return ""
    path = folder / value
    _inside(folder, str(Path(value).parent), "config")
    if _CONTROL.search(value) or not path.is_file():
        raise ActionError(f"`config` is {value!r}.", "Use a file inside working-directory.")
    return value


def _digests(value: str) -> str:
    """The output `digests` of the job that built: a JSON object, image → `REPOSITORY@sha256:…`."""
    if not value:
        return ""
    try:
        images = json.loads(value)
    except ValueError:
        images = None
    if not isinstance(images, dict) or not all(isinstance(v, str) and _IMAGE.fullmatch(v) for v in images.values()):
        raise ActionError("`digests` is not the output of a `push`.", "Pass the output `digests` on unchanged.")
    return value


def _flag(value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise ActionError(f"`summary` is {value!r}.", "Use true or false.")
    return value.lower() == "true"


def _key(value: str) -> str:
    """The private key in the format of ssh-add: LF line ends, and one at the end."""
    if not value.strip():
        return ""
    if "PRIVATE KEY-----" not in value:
        raise ActionError(
            "`ssh-key` isn't a private key.", "Pass the whole file, from -----BEGIN … PRIVATE KEY----- on."
        )
    return value.replace("\r\n", "\n").strip() + "\n"
