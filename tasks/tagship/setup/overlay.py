"""Writes docker-compose.deploy.yml: what a deploy changes of the Compose file, each change with its reason."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tagship.setup import commands, compose, known, mounts, toolchains
from tagship.setup.dockerfile import Dockerfile
from tagship.setup.draft import Change, Draft, Project, flow, word
from tagship.setup.places import Places
from tagship.setup.values import Values

_HEAD = """\
# What a deploy changes of {files}. Compose merges both; `!reset` removes a key, `!override` replaces it.
# Needs Compose 2.24 or later. Written by `tagship init`: correct it, it is yours.
"""


def draft(project: Project, places: Places, values: Values, examples: Mapping[str, str]) -> Draft:
    """Every change that a deploy needs. `examples`: the variables of env files, with their values there."""
    found = Draft()
    services = project.compose.services
    for name in (*places.services, *places.accessories):
        values.know(name, compose.environment(services[name]))
    for name in (*places.services, *places.accessories):
        settings = services[name]
        before = len(found.changes)
        accessory = name in places.accessories
        mounts.look(project, found, name, settings, accessory=accessory)
        found.changes += _environment(project, name, settings, values, examples)
        if not accessory:
            found.changes += _build(project, name)
            _command(project, found, name, settings, places)
        _healthcheck(project, found, name, settings, places.routed.get(name, 0), accessory=accessory)
        _shown_passwords(project, found, name, settings, values)
        found.changes[before:] = sorted(found.changes[before:], key=lambda change: not change.value)
    return found


def text(found: Draft, files: tuple[str, ...]) -> str:
    """The overlay; empty if a deploy changes nothing."""
    if not any(change.value for change in found.changes):
        return ""
    lines = [_HEAD.format(files=" and ".join(files)), "services:"]
    for service in dict.fromkeys(change.service for change in found.changes if change.value):
        lines += [f"  {word(service)}:", *of_service(found, service), ""]
    if found.volumes:
        lines += ["volumes:", *(f"  {name}:" for name in found.volumes), ""]
    if found.configs:
        lines += ["configs:", *(f"  {name}: {{file: {flow(path)}}}" for name, path in found.configs.items()), ""]
    return "\n".join(lines).rstrip() + "\n"


def of_service(found: Draft, service: str) -> Iterator[str]:
    """The lines of one service's changes, each with its reason above it."""
    for change in found.changes:
        if change.service == service and change.value:
            why = textwrap.wrap(change.why, 100, break_long_words=False, break_on_hyphens=False)
            yield from (f"    # {line}" for line in why)
            yield f"    {change.key}:{'' if change.value.startswith(chr(10)) else ' '}{change.value}"


def _environment(
    project: Project, name: str, settings: Mapping[str, Any], values: Values, examples: Mapping[str, str]
) -> Iterator[Change]:
    at = project.compose.at
    wanted: dict[str, str] = {}
    files = [item["path"] for item in settings.get("env_file") or ()]
    kept = [path for path in files if project.keeps(path)]
    given = compose.environment(settings)
    if len(kept) < len(files):
        dropped = ", ".join(path for path in files if path not in kept)
        why = f"{dropped} stays here: variables and secrets come from the environment's own files and stores."
        yield Change(name, "env_file", f"!override {flow(kept)}" if kept else "!reset []", why, at(name, "env_file"))
        wanted |= {n: v for n, v in values.ask(examples, examples).items() if n not in given}
    whys: list[str] = [f"{', '.join(wanted)} came from {', '.join(files)}"] if wanted else []
    for variable, value in given.items():
        instead, why = values.instead(name, variable, value) if value else ("", "")
        if instead:
            wanted[variable] = instead
            whys.append(f"{variable} {why}")
    if wanted:
        lines = "".join(f"\n      {variable}: {flow(value)}" for variable, value in wanted.items())
        yield Change(name, "environment", lines, f"{'; '.join(whys)}.", at(name, "environment"))


def _production(made: Dockerfile) -> str:
    """The stage that a deploy builds instead; empty if the Compose file's is right."""
    last = made.stages[-1].name if made.stages else ""
    return made.production if made.production != (made.target or last) else ""


def _build(project: Project, name: str) -> Iterator[Change]:
    made = project.made.get(name)
    if made and (wanted := _production(made[1])):
        target = made[1].target
        why = f"The Dockerfile has a stage {wanted}" + (f", but {target} is built." if target else ".")
        yield Change(name, "build", f"{{target: {wanted}}}", why, project.compose.at(name, "build"))


def _command(project: Project, found: Draft, name: str, settings: Mapping[str, Any], places: Places) -> None:
    command, made = compose.words(settings.get("command")), project.made.get(name)
    built = replace(made[1], target=_production(made[1]) or made[1].target) if made else None
    own, start = (built.runs, toolchains.scripts(made[0]).get("start", "")) if made and built else ("", "")
    at = project.compose.at(name, "command")
    if command and (commands.development(command, start) or commands.migrates(command)):
        why = commands.development(command, start) or "applies migrations"
        migrating = " A deploy migrates before the release starts." if commands.migrates(command) else ""
        if own and not commands.development(own, start):
            found.changes.append(
                Change(
                    name,
                    "command",
                    "!reset null",
                    f"`{command}` {_is(why)}; the image has its own: `{own}`.{migrating}",
                    at,
                )
            )
            return
        if made and (
            server := commands.server(toolchains.requirements(made[0]), _module(made[0]), places.routed.get(name, 8000))
        ):
            found.changes.append(
                Change(
                    name,
                    "command",
                    flow(list(server)),
                    f"`{command}` {_is(why)}; gunicorn is in its requirements.{migrating}",
                    at,
                )
            )
            return
        if commands.migrates(command) and (rest := command.rpartition("&&")[2].strip().rstrip("'\"")):
            found.changes.append(
                Change(name, "command", flow(rest), "Without the migrations: a deploy applies them before.", at)
            )
            command = rest
    if why := commands.development(command or own, start):
        found.todo.append(
            f"{name} runs `{command or own}`, {_what(why)}, and the image has nothing else to run. It ships like that; "
            "for production give the Dockerfile a CMD of its own (a production server, or a build of static files)."
        )


def _shown_passwords(project: Project, found: Draft, name: str, settings: Mapping[str, Any], values: Values) -> None:
    """Note the passwords of other services' URLs that stand in a command, which must change along with them."""
    command = compose.words(settings.get("command"))
    for variable, value in values.passwords.items():
        if value in command:
            at = project.compose.at(name, "command")
            found.todo.append(
                f"The command of {name} ({at}) shows the password that is in {variable}: give both the same new one."
            )


def _is(why: str) -> str:
    return why if why.startswith(("reloads", "runs", "compiles", "applies")) else f"is {why.removeprefix('what is ')}"


def _what(why: str) -> str:
    return f"which {why}" if why.startswith(("reloads", "runs", "compiles")) else why


def _module(context: Path) -> str:
    """The package of a Django project: the folder with wsgi.py."""
    return next((path.parent.name for path in sorted(context.glob("*/wsgi.py"))), "")


def _healthcheck(  # noqa: PLR0913 - of what, and where
    project: Project, found: Draft, name: str, settings: Mapping[str, Any], port: int, *, accessory: bool
) -> None:
    made, image = project.made.get(name), str(settings.get("image", ""))
    if (settings.get("healthcheck") and not (settings["healthcheck"] or {}).get("disable")) or (
        made and made[1].has("HEALTHCHECK")
    ):
        return
    if accessory:
        if (store := known.store(made[1].base if made else image)) and store.check:
            why = f"Without a healthcheck, nobody waits until {store.kind} is ready."
            found.changes.append(Change(name, "healthcheck", _check(store.check), why))
        return
    if not port:
        return
    path, where = toolchains.health(made[0]) if made else ("", "")
    if test := known.probe(image, made[1] if made else None, port, path):
        what = f"{path} stands in {where}" if path else "any answer below 500 counts; name a better path if it has one"
        why = f"It has a route and no healthcheck, so nothing says when it is ready. A guess: {what}."
        found.changes.append(Change(name, "healthcheck", _check(test), why))
    else:
        found.todo.append(
            f"Give {name} a healthcheck, in the Compose file or as HEALTHCHECK in its Dockerfile: a deploy "
            f"refuses a routed service without one, and Tagship knows no program in its image that can ask port {port}."
        )


def _check(test: tuple[str, ...]) -> str:
    lines = {"test": list(test), "interval": "10s", "timeout": "5s", "retries": 3, "start_period": "60s"}
    return "".join(f"\n      {key}: {flow(value)}" for key, value in lines.items())
