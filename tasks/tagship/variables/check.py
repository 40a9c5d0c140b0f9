"""Checks an environment's values before anything changes: missing, empty, an example's, given twice, or old. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tagship.errors import ConfigError
from tagship.project.schema import Environment, Settings
from tagship.release import references
from tagship.release.markers import Model
from tagship.release.references import Need
from tagship.reporting.table import since
from tagship.variables import secrets
from tagship.variables.stores.environment import SCHEME, SHELLS_OWN
from tagship.variables.values import Values

SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|PRIVATE|SALT|DSN", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"<.*>|\.{3}|…|x{3,}|todo|fixme|(?:please[-_ ]?)?(?:change|replace)[-_ ]?(?:me|this|it)?\b.*|your[-_ ].*",
    re.IGNORECASE,
)


class What(StrEnum):
    """A kind of problem, as `--json` names it."""

    MISSING = "missing"
    EMPTY = "empty"
    EXAMPLE = "example"
    DOUBLED = "doubled"
    SHELL = "shell"
    LISTED = "listed"
    OVERRIDDEN = "overridden"
    OLD = "old"


@dataclass(frozen=True)
class Problem:
    """One problem of one or several names, in one line without any value."""

    what: What
    names: tuple[str, ...]
    text: str
    refuses: bool = True
    """Whether nothing may be changed with it; otherwise it is a note."""


def problems(values: Values, settings: Settings, now: datetime) -> list[Problem]:
    """Everything that is wrong with these values, those that refuse first."""
    found = [*absent(values, settings), *_example(values, settings), *_doubled(values)]
    found += [*_listed(values, settings), *_old(values, settings, now)]
    return sorted(found, key=lambda problem: not problem.refuses)


def refuse(found: Iterable[Problem], settings: Settings) -> tuple[str, ...]:
    """Raises ConfigError with every problem that refuses, each on a line of its own. Returns the others' texts."""
    every = list(found)
    if wrong := [problem for problem in every if problem.refuses]:
        raise ConfigError("\n".join(problem.text for problem in wrong), hint=hint(wrong, settings))
    return tuple(problem.text for problem in every)


def hint(wrong: Sequence[Problem], settings: Settings) -> str:
    """What to do about these problems."""
    kinds = {problem.what for problem in wrong}
    files = ", ".join(settings.variables) or "a file named by `variables`"
    hints = {
        frozenset({What.MISSING, What.EMPTY}): f"add it to {files}, or to the secrets "
        f"({secrets.shown(settings.secrets)}); ${{NAME:-}} allows it to be empty",
        frozenset({What.SHELL}): f"use `secrets: {SCHEME}PREFIX_`, and set PREFIX_NAME",
        frozenset({What.EXAMPLE}): "give it a value of its own, or leave it empty in the example",
        frozenset({What.DOUBLED}): "remove one of the two values",
    }
    return "; ".join(text for about, text in hints.items() if about & kinds)


def absent(values: Values, settings: Settings) -> Iterator[Problem]:
    """Only what has no value, or an empty one where the Compose file says `:?`."""
    lacking = {name: need for name, need in values.needed.items() if values.get(name) is None}
    shells = SHELLS_OWN & lacking.keys() if SCHEME in settings.secrets else frozenset()
    if missing := sorted(name for name, need in lacking.items() if need >= Need.SET and name not in shells):
        text = f"{_where(settings, begins=True)} has no value for {', '.join(missing)}, which the Compose file needs."
        yield Problem(What.MISSING, tuple(missing), text)
    if empty := sorted(name for name, need in values.needed.items() if need is Need.FILLED and values.get(name) == ""):
        text = f"{', '.join(empty)} is empty in {_where(settings)}, but the Compose file says `:?`."
        yield Problem(What.EMPTY, tuple(empty), text)
    for name in sorted(shells):
        if values.needed[name] is not Need.DEFAULTED:
            text = f"{name} is a variable of every shell, so {SCHEME} doesn't take it for a secret."
            yield Problem(What.SHELL, (name,), text, refuses=values.needed[name] >= Need.SET)


def build_arguments(model: Model, known: Mapping[str, str], settings: Settings) -> list[Problem]:
    """What has no value in the part of a Compose file that builds images, except build secrets."""
    kept = {item.get("environment") for item in (model.get("secrets") or {}).values()}
    needed = {name: need for name, need in references.of(model, {}).items() if name not in kept}
    lacking = {name for name, need in needed.items() if need >= Need.SET and name not in known}
    lacking |= {name for name, need in needed.items() if need is Need.FILLED and not known.get(name)}
    files = ", ".join(settings.variables) or "a file that `variables` names"
    text = (
        f"The build has no value for {', '.join(sorted(lacking))}. An image is the same in every environment, so a "
        f"build gets TAGSHIP_SHA and the top level's variables ({files}), but no environment's."
    )
    return [Problem(What.MISSING, tuple(sorted(lacking)), text)] if lacking else []


def _where(settings: Settings, *, begins: bool = False) -> str:
    if isinstance(settings, Environment):
        return settings.name
    return "The build" if begins else "the build"


def _example(values: Values, settings: Settings) -> Iterator[Problem]:
    """Only what is secret or a placeholder by its looks: a port may well be the example's."""
    here = isinstance(settings, Environment) and settings.engine == "local"
    for name in sorted(values.needed.keys() & values.examples.keys()):
        value, file = values.examples[name]
        telling = SECRET.search(name) or _PLACEHOLDER.fullmatch(value)
        if value and telling and values.get(name) == value:
            text = f"{name} in {_where(settings)} still has the value of {file}, which everyone can read."
            yield Problem(What.EXAMPLE, (name,), text, refuses=not here)


def _doubled(values: Values) -> Iterator[Problem]:
    overridden: dict[tuple[str, ...], list[str]] = {}
    for name, given in sorted(values.stored.items()):
        if name not in values.plain:
            if given.overridden:
                overridden.setdefault((*given.overridden, given.origin), []).append(name)
        elif given.value.reveal() != values.plain[name]:
            text = f"{name} has one value in `variables`, which counts, and another one in {given.origin}."
            yield Problem(What.DOUBLED, (name,), text)
    for (*earlier, origin), names in overridden.items():
        text = f"{origin} overrides {', '.join(earlier)} for {', '.join(names)}; the values differ."
        yield Problem(What.OVERRIDDEN, tuple(names), text, refuses=False)


def _listed(values: Values, settings: Settings) -> Iterator[Problem]:
    """Names of an example file that the Compose file passes on, and that nothing gives a value."""
    names = {name for name in values.examples if name in values.needed and values.needed[name] < Need.SET}
    if lacking := sorted(name for name in names if values.get(name) is None):
        files = dict.fromkeys(values.examples[name][1] for name in lacking)
        text = f"{_where(settings, begins=True)} has no value for {', '.join(lacking)}, which {', '.join(files)} lists."
        yield Problem(What.LISTED, tuple(lacking), text, refuses=False)


def _old(values: Values, settings: Settings, now: datetime) -> Iterator[Problem]:
    ages: dict[str, dict[str, float]] = {}
    for name in sorted(values.secrets) if settings.rotate_after else ():
        changed = values.changed(name)
        age = (now - changed).total_seconds() if changed else 0
        if age > settings.rotate_after:
            ages.setdefault(values.stored[name].origin, {})[name] = age
    for origin, old in ages.items():
        listed = ", ".join(f"{name} ({since(age)})" for name, age in old.items())
        text = f"Older than `rotate-after`, {since(settings.rotate_after)}, in {origin}: {listed}."
        yield Problem(What.OLD, tuple(old), text, refuses=False)
