"""Reads what a Dockerfile says about its last image: what it is made of, what it runs, what can check it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
_LINE = re.compile(r"^[ \t]*([A-Za-z]+)[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*#.*\n?", re.MULTILINE)
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+as\s+(\S+))?", re.IGNORECASE)
_ARGUMENT = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_LISTENS = re.compile(r"(?:--bind|-b|--port|-p|--addr|--listen|0\.0\.0\.0|\[::\]|\*)[ =\",:]+\D{0,20}?(\d{2,5})\b")
_PRODUCTION = ("production", "prod", "release", "runtime", "runner", "final")

Instruction = tuple[str, str]


@dataclass(frozen=True)
class Stage:
    """One `FROM` and what follows it."""

    name: str
    base: str
    instructions: tuple[Instruction, ...] = ()


@dataclass(frozen=True)
class Dockerfile:
    """The stages of a Dockerfile, and which of them is built."""

    stages: tuple[Stage, ...]
    target: str = ""

    @property
    def chain(self) -> tuple[Stage, ...]:
        """The stage that is built, and those that it is made from, the last one first."""
        named = {stage.name: stage for stage in self.stages if stage.name}
        stage = named.get(self.target) or (self.stages[-1] if self.stages else None)
        found: list[Stage] = []
        while stage and stage not in found:
            found.append(stage)
            stage = named.get(stage.base)
        return tuple(found)

    @property
    def base(self) -> str:
        """The image that the built one starts from."""
        return self.chain[-1].base if self.chain else ""

    def last(self, instruction: str) -> str:
        """The arguments of the last such instruction; empty if there is none."""
        for stage in self.chain:
            if given := [text for name, text in stage.instructions if name == instruction]:
                return given[-1]
        return ""

    def has(self, *names: str) -> bool:
        """Whether the built image has one of these instructions."""
        return any(name in names for stage in self.chain for name, _ in stage.instructions)

    @property
    def installs(self) -> str:
        """All that its RUN instructions do."""
        return "\n".join(text for stage in self.chain for name, text in stage.instructions if name == "RUN")

    @property
    def port(self) -> int:
        """Where its program listens, by EXPOSE, by CMD's options, or by PORT; 0 if nothing says so."""
        for text in (self.last("EXPOSE"), *(m[1] for m in _LISTENS.finditer(self.runs)), self._variable("PORT")):
            if found := re.match(r"\s*(\d+)", text):
                return int(found[1])
        return 0

    @property
    def runs(self) -> str:
        """Its ENTRYPOINT and CMD as one text."""
        return " ".join(re.sub(r'[\[\],"]+', " ", f"{self.last('ENTRYPOINT')} {self.last('CMD')}").split())

    @property
    def production(self) -> str:
        """The stage whose name says that it is for production; empty if there is none."""
        names = [stage.name for stage in self.stages if stage.name]
        return next((name for wanted in _PRODUCTION for name in names if name.lower() == wanted), "")

    def _variable(self, name: str) -> str:
        texts = [text for stage in self.chain for kind, text in stage.instructions if kind == "ENV"]
        return next((found[1] for text in texts if (found := re.search(rf"\b{name}[= ]\"?(\d+)", text))), "")


def parse(text: str, target: str = "") -> Dockerfile:
    """The stages of a Dockerfile's text; build arguments have their defaults."""
    stages: list[Stage] = []
    arguments: dict[str, str] = {}
    for name, rest in _LINE.findall(_CONTINUED.sub(" ", _COMMENT.sub("", text))):
        kind = name.upper()
        if kind == "FROM" and (found := _FROM.match(_filled(rest, arguments))):
            stages.append(Stage(found[2] or "", found[1]))
        elif kind == "ARG" and not stages:
            key, _, value = rest.partition("=")
            arguments[key.strip()] = value.strip().strip("\"'")
        elif stages:
            before = stages[-1]
            stages[-1] = Stage(before.name, before.base, (*before.instructions, (kind, rest)))
    return Dockerfile(tuple(stages), target)


def of_service(settings: Mapping[str, Any], folder: Path) -> tuple[Path, Dockerfile] | None:
    """The context and Dockerfile of a service that is built here; None if there is nothing to read."""
    build = settings.get("build")
    if not build:
        return None
    context = folder / str(build.get("context", "."))
    if "dockerfile_inline" in build:
        return context, parse(str(build["dockerfile_inline"]), str(build.get("target", "")))
    path = context / str(build.get("dockerfile", "Dockerfile"))
    text = path.read_text(errors="replace") if path.is_file() else ""
    return context, parse(text, str(build.get("target", "")))


def _filled(text: str, arguments: Mapping[str, str]) -> str:
    return _ARGUMENT.sub(lambda found: arguments.get(found[1] or found[3], found[2] or ""), text)
