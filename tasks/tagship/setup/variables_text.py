"""The files of variables that an environment needs, and the names that they lack."""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tagship.release.references import Need
from tagship.setup.compose import Compose
from tagship.setup.draft import Project
from tagship.setup.values import Values
from tagship.source import references
from tagship.system import scratch
from tagship.variables.check import SECRET

LOCAL = ".env.local"
SERVERS = ("staging", "production")
SHARED = tuple(f".env.{name}" for name in SERVERS)
_EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NAME = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class Given:
    """The env files that a project has already."""

    values: Mapping[str, str]
    """What they give to services that name them."""
    variables: tuple[str, ...]
    """Files in git, with values for `local`."""
    secrets: tuple[str, ...]
    """Files that git doesn't have, with values for `local`; each may hold secrets."""

    readable: tuple[str, ...]
    """Those of them that other users of this machine may read; `dotenv://` refuses that."""


def given(project: Project) -> Given:
    """The env files that services name, or else their example."""
    folder, services = project.folder, project.compose.services.values()
    every = [item["path"] for settings in services for item in settings.get("env_file") or ()]
    named = [path for path in every if not project.keeps(path)]
    dotenv = [".env"] if (folder / ".env").is_file() else []
    own = [name for name in dict.fromkeys([*named, *dotenv]) if (folder / name).is_file()]
    samples = [name for name in _EXAMPLES if (folder / name).is_file()]
    values: dict[str, str] = {}
    for name in (*samples, *own):
        values |= {key: value.strip("\"'") for key, value in _NAME.findall((folder / name).read_text(errors="replace"))}
    if not named:
        values = {}
    files = [name.removeprefix("./") for name in own or (samples[:1] if named else [])]
    return Given(
        values,
        tuple(name for name in files if name in project.tracked or name in samples),
        secret := tuple(name for name in files if name not in project.tracked and name not in samples),
        tuple(name for name in secret if (folder / name).stat().st_mode & _OTHERS),
    )


def needed(folder: Path, found: Compose, changed: str) -> dict[str, Need]:
    """The variables that the Compose files refer to, with the overlay."""
    with scratch.folder() as temporary:
        (temporary / "overlay.yml").write_text(changed or "services: {}\n")
        needs = references.in_files(found.files, folder) | references.in_files(("overlay.yml",), temporary)
    return {name: need for name, need in needs.items() if not name.startswith("TAGSHIP_")}


def files(values: Values, needed: Mapping[str, Need], given: Given) -> tuple[dict[str, str], list[str]]:
    """The files of variables to write, and what a person has to do about values."""
    known_here = {**given.values, **values.local}
    unknown = sorted(n for n, need in needed.items() if need >= Need.SET and n not in known_here)
    written, todo = dict[str, str](), list[str]()
    if given.readable:
        names = " ".join(given.readable)
        todo.append(f"chmod 600 {names}: it has secrets of `local`, and other users of this machine may read it.")
    if values.local or unknown:
        lines = [f"{name}={_quoted(value)}" for name, value in sorted(values.local.items())]
        head = "# The values of development, from the Compose file: for the environment `local` only.\n"
        written[LOCAL] = head + "".join(f"{line}\n" for line in (*lines, *(f"{name}=" for name in unknown)))
    if unknown:
        todo.append(f"Give {', '.join(unknown)} a value in {LOCAL}, if an empty one won't do.")
    required = sorted(n for n, need in needed.items() if need >= Need.SET)
    secrets = [name for name in required if SECRET.search(name) or values.asked.get(name)]
    if plain := [name for name in required if name not in secrets]:
        for name in SERVERS:
            head = f"# Variables of {name}; no secrets. Each needs a value.\n"
            written[f".env.{name}"] = head + "".join(f"{variable}=\n" for variable in plain)
        todo.append(f"Fill in .env.staging and .env.production: {', '.join(plain)}.")
    if secrets:
        todo.append(
            f"Give each server's deploy its secrets, {', '.join(secrets)}: as variables of the process that deploys, "
            "or from a store (Tagship's docs/secrets.md)."
        )
    return written, todo


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w.,:/@%+-]*", value):
        return value
    if not set(value) & set("'\\"):
        return f"'{value}'"
    for character, escape in {"\\": "\\\\", '"': '\\"', "$": "\\$"}.items():
        value = value.replace(character, escape)
    return f'"{value}"'
