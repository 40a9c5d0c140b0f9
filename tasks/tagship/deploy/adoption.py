"""Decides how a Compose stack that runs on a server already comes under Tagship. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

MAJOR = "PG_MAJOR"
"""The variable by which images of PostgreSQL say their major version; another one can't read their files."""


@dataclass(frozen=True)
class Mounted:
    """What a container mounts at one place."""

    source: str
    """The volume's name, or the folder of the host."""
    folder: bool = False

    @property
    def nameless(self) -> bool:
        """Whether the engine named it, since nobody else did."""
        return bool(re.fullmatch("[0-9a-f]{64}", self.source))

    def __str__(self) -> str:
        if self.folder:
            return f"the server's folder {self.source}"
        return f"the volume {self.source}" if self.source else "a new volume"


@dataclass(frozen=True)
class Part:
    """A service, as it runs there or as the Compose file has it for this environment."""

    service: str
    mounts: Mapping[str, Mounted] = field(default_factory=dict)
    """Where in the container → what."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """With secret values."""
    ports: frozenset[int] = frozenset()
    """Those it publishes on the server."""
    running: bool = True


@dataclass(frozen=True)
class Stack:
    """A Compose project on the server that isn't Tagship's."""

    project: str
    parts: tuple[Part, ...]

    def named(self, services: Iterable[str]) -> list[str]:
        """Those of its services, in the order given."""
        return [name for name in dict.fromkeys(services) if any(part.service == name for part in self.parts)]


@dataclass(frozen=True)
class Wanted:
    """The application, as the Compose file and tagship.yml have it."""

    released: tuple[Part, ...]
    accessories: tuple[Part, ...]
    ports: frozenset[int]
    """Those that the edge publishes."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of them."""
        return (*self.released, *self.accessories)


def choose(stacks: Iterable[Stack], wanted: Wanted, project: str) -> tuple[Stack | None, str]:
    """The stack to take over, or None and why there is none that is meant."""
    names = [part.service for part in wanted.parts]
    found = {stack.project: stack for stack in stacks}
    if project:
        return found.get(project), f"No Compose project {project} is on the server; there is: {_listed(found)}."
    likely = [stack for stack in found.values() if stack.named(names)]
    if len(likely) == 1:
        return likely[0], ""
    if likely:
        return (
            None,
            f"Several Compose projects there have services of these names: {_listed(s.project for s in likely)}.",
        )
    return None, f"No Compose project there has a service of these names: {_listed(names)}. There is: {_listed(found)}."


def findings(stack: Stack, wanted: Wanted, held: Mapping[int, str]) -> Iterator[str]:
    """What doesn't fit yet, one line each. `held`: port → who else publishes it on the server."""
    for part, old in _pairs(stack, wanted):
        for where, mounted in _lost(part, old, every=part in wanted.accessories):
            own = part.mounts.get(where)
            instead = f"not {own}" if own else "and the Compose file mounts nothing there"
            yield f"{part.service} has its data at {where} in {mounted}, {instead}."
        if part in wanted.accessories:
            yield from _unlike(part, old)
    for port in sorted(wanted.ports & held.keys()):
        yield f"The edge needs port {port}, which {held[port]} has, and that is no part of {stack.project}."


def overlay(stack: Stack, wanted: Wanted) -> str:
    """What a Compose file must add so that the application keeps its data; empty if it does already."""
    services: dict[str, list[str]] = {}
    volumes: dict[str, str] = {}
    for part, old in _pairs(stack, wanted):
        for where, mounted in _lost(part, old, every=part in wanted.accessories):
            if not mounted.folder:
                volumes[f"adopted-{len(volumes) + 1}"] = mounted.source
            key = mounted.source if mounted.folder else f"adopted-{len(volumes)}"
            services.setdefault(part.service, []).append(f"{key}:{where}")
    lines = ["services:"] if services else []
    for name, mounts in services.items():
        lines += [f"  {name}:", f"    volumes: {json.dumps(mounts)}"]
    lines += ["volumes:"] if volumes else []
    lines += [f"  {key}: {json.dumps({'name': name, 'external': True})}" for key, name in volumes.items()]
    return "\n".join(lines)


def steps(stack: Stack, wanted: Wanted) -> list[str]:
    """The plan, for people."""
    accessories = stack.named(part.service for part in wanted.accessories)
    others = sorted({part.service for part in stack.parts if part.running} - {*accessories})
    kept = sorted({mount.source for part in stack.parts for mount in part.mounts.values()})
    known = {part.service for part in wanted.parts}
    strange = [name for name in others if name not in known]
    named = [part.service for part in wanted.accessories]
    note = f" ({_listed(strange)}: not in your Compose file)" if strange else ""
    ports = _listed(map(str, sorted(wanted.ports)))
    return [
        f"Pull the release and the accessories; {stack.project} goes on serving",
        f"Stop {_listed(others)}: from here on, nobody is answered{note}",
        *([f"Stop {_listed(accessories)}"] if accessories else []),
        *([f"Start {_listed(named)} on the same data"] if named else []),
        f"Start the edge at port {ports}, and deploy: from the cutover on, the new release answers",
        f"Keep the old containers, stopped, and their data ({_listed(kept)}); --undo starts them again",
    ]


def _pairs(stack: Stack, wanted: Wanted) -> Iterator[tuple[Part, Part]]:
    """What will run, and what runs, of the same service."""
    for part in wanted.parts:
        for old in stack.parts:
            if old.service == part.service:
                yield part, old
                break


def _lost(part: Part, old: Part, *, every: bool) -> Iterator[tuple[str, Mounted]]:
    """What the old one writes to and the new one doesn't have; of a release only volumes with a name.

    Folders in an application's containers hold its sources, as a rule, which are in the image now.
    """
    for where, mounted in old.mounts.items():
        if part.mounts.get(where) != mounted and (every or not (mounted.folder or mounted.nameless)):
            yield where, mounted


def _unlike(part: Part, old: Part) -> Iterator[str]:
    """Variables with which an accessory's data was made, and that would now be others; never their values."""
    for name in sorted(part.variables.keys() & old.variables.keys()):
        if name == MAJOR and part.variables[name] != old.variables[name]:
            yield (
                f"{part.service} runs PostgreSQL {old.variables[name]}, and its image would now be that of "
                f"{part.variables[name]}, which can't read its files."
            )
        elif part.variables[name] != old.variables[name]:
            yield f"{part.service} was made with another value of {name}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
