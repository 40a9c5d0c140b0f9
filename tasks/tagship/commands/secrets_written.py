"""`secrets.set` and `secrets.rotate`: change a secret in its store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.secrets import environment, say
from tagship.commands.task import DRY_RUN, ENV, task
from tagship.errors import ConfigError, SecretsError, TagshipError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tagship.project.schema import Environment
    from tagship.secret import Secret
    from tagship.variables.secrets import Given

_NAME = "The variable that the Compose file refers to."


@task(
    positional=["name"],
    help={
        "name": _NAME,
        "env": ENV,
        "store": "The store's URI in tagship.yml. Default: the last one that can be written to.",
        "dry-run": DRY_RUN,
    },
)
def set_(_: Context, name: str, env: str = "", store: str = "", dry_run: bool = False) -> None:
    """Set a secret in its store.

    Asks for the value on a terminal, without showing it, and reads it from stdin elsewhere. The running release keeps
    the old value until the next deploy.
    """
    from tagship.variables import writing

    settings, folder = environment(env)[1:]
    writing.check_name(name)
    target = writing.writable(settings.secrets, folder, store)
    told = _told(name, settings, folder, writing.overriding(name, target, settings.secrets, folder))
    if dry_run:
        say([f"Would set {name} in {target.uri}.", *told])
        return
    value = _asked(name)
    writing.check_value(name, value)
    say([f"Set {name} in {target.uri}{_version(target.write(name, value))}.", *told])


@task(
    positional=["name"],
    help={
        "name": _NAME,
        "env": ENV,
        "command": "A command that prints the new value; split as in a shell. Default: 43 random characters.",
        "keep-as": "Keep the old value under this name, for apps that accept both for a while.",
        "overwrite": "Let --keep-as replace another value, which is then lost.",
        "dry-run": DRY_RUN,
    },
)
def rotate(  # noqa: PLR0913 - its options
    _: Context,
    name: str,
    env: str = "",
    command: str = "",
    keep_as: str = "",
    overwrite: bool = False,
    dry_run: bool = False,
) -> None:
    """Give a secret a new value in its store.

    Says which services need a deploy. The running release keeps the old value until then, so the old value has to work
    until then: Tagship's docs/secrets.md says how.
    """
    from tagship.variables import secrets, writing

    settings, folder = environment(env)[1:]
    for each in filter(None, (name, keep_as)):
        writing.check_name(each)
    before = secrets.read(settings.secrets, [name], folder).get(name)
    if before is None:
        raise ConfigError(f"{env} has no secret {name}.", hint=f"run `tagship secrets.set {name} --env {env}`")
    target = writing.writable(settings.secrets, folder, before.origin)
    if not overwrite:
        writing.check_kept(keep_as, name, before.value, settings.secrets, folder)
    told = [*_told(name, settings, folder, ""), *(_unused(keep_as, settings, folder) if keep_as else ())]
    if dry_run:
        say([f"Would give {name} a new value in {target.uri}.", *told])
        return
    value = _made(name, command, folder, before)
    if secrets.values(settings.secrets, [name], folder).get(name) != before.value:
        raise SecretsError(f"Somebody else changed {name} meanwhile.", hint="look at it, then repeat the command")
    if keep_as:
        target.write(keep_as, before.value)
        say([f"Kept the old value as {keep_as} in {target.uri}."])
    say([f"Rotated {name} in {target.uri}{_version(target.write(name, value))}.", *told])


def _unused(name: str, settings: Environment, folder: Path) -> list[str]:
    """A line if the Compose file has no place for a name, or none if it can't be read."""
    from tagship.variables.survey import used

    try:
        usage = used(settings, folder)[1]
    except TagshipError:  # _told says so already
        return []
    needed = any(name in needs for each in (usage.services, usage.accessories, usage.builds) for needs in each.values())
    return [] if needed else [f"Nothing in the Compose file of {settings.name} uses {name}, so the app doesn't get it."]


def _asked(name: str) -> Secret:
    import getpass
    import sys

    from tagship.secret import Secret

    try:
        if sys.stdin.isatty():
            return Secret(getpass.getpass(f"New value of {name}: "))
        return Secret(sys.stdin.read().removesuffix("\n").removesuffix("\r"))
    except EOFError:
        return Secret("")
    except UnicodeDecodeError:
        raise SecretsError(f"The value for {name} isn't text.", hint="encode it in base64") from None


def _made(name: str, command: str, folder: Path, before: Given) -> Secret:
    """A new value. Raises SecretsError if the command fails or prints the old one."""
    import secrets as random
    import shlex

    from tagship.secret import Secret
    from tagship.variables import writing
    from tagship.variables.stores.command import output

    if not command:
        return Secret(random.token_urlsafe(32))
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command: {error}.", hint="write it as in a shell") from None
    value = Secret(output(argv, folder).removesuffix("\n"))
    writing.check_value(name, value)
    if value == before.value:
        raise SecretsError(
            f"The command printed the value that {name} has already.",
            hint="change the command, so that it makes a new one",
        )
    return value


def _version(version: str) -> str:
    return f", version {version}" if version else ""


def _told(name: str, settings: Environment, folder: Path, overriding: str) -> list[str]:
    """What a change of this name means, in lines."""
    from tagship.variables import files
    from tagship.variables.survey import used

    lines = []
    if name in files.read(settings.variables, folder):
        lines.append(f"But `variables` of tagship.yml gives {name}, too, and that value counts.")
    elif overriding:
        lines.append(f"But {overriding} has a value of {name}, too, and that one counts.")
    try:
        usage = used(settings, folder)[1]
    except TagshipError as error:  # the secret can be changed all the same
        return [*lines, f"What uses it is unknown: {error.problem}"]
    env, services = settings.name, [each for each, needs in usage.services.items() if name in needs]
    steps = {", ".join(services): f"tagship deploy --env {env}"} if services else {}
    accessories = [each for each, needs in usage.accessories.items() if name in needs]
    steps |= {each: f"tagship accessories.recreate --env {env} --name {each}" for each in accessories}
    if accessories:
        lines.append(
            f"{', '.join(accessories)} may know the old value alone: a database's password is changed there first."
        )
    if built := [each for each, needs in usage.builds.items() if name in needs]:
        steps[f"the image of {', '.join(built)}"] = "tagship build, on the next commit"
    lines += [f"To bring it to {who}: {how}" for who, how in steps.items()]
    return lines or [f"Nothing in the Compose file of {env} uses {name}."]
