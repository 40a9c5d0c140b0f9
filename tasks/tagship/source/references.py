"""Finds the variables that a folder's Compose files refer to. It reads the files itself, as Compose may be missing."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tagship.release import references

_LINKS = 100
"""The most files to follow, so that two files that include each other come to an end."""


def in_files(compose: Iterable[str], folder: Path) -> references.Needs:
    """The variables of Compose files, and of every file that they name in `include`, `extends` and `env_file`.

    This may be more than `release.references.of` finds, because nothing is merged. A missing file counts as empty; in a
    file that isn't YAML, every `${NAME}` counts.
    """
    found: references.Needs = {}
    for path, model in _models(compose, folder):
        references.add(
            found, references.of(model, {name: _text(path.parent / name) for name in references.env_files(model)})
        )
    return found


def build_secrets(compose: Iterable[str], folder: Path) -> list[str]:
    """The variables of build secrets in the same files."""
    known, used = dict[str, str](), set[str]()
    for _, model in _models(compose, folder):
        items = (model.get("secrets") or {}).items()
        known |= {key: str(item["environment"]) for key, item in items if item and item.get("environment")}
        for service in references.services(model):
            build = service.get("build")
            wanted = build.get("secrets") if isinstance(build, Mapping) else None
            used |= {str(item.get("source")) if isinstance(item, Mapping) else str(item) for item in wanted or ()}
    return sorted({variable for key, variable in known.items() if key in used})


def _models(compose: Iterable[str], folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Each document of Compose files and of those that they include or extend, with its file."""
    waiting, seen = [folder / name for name in compose], set[Path]()
    while waiting and len(seen) < _LINKS:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for model in _documents(path):
            yield path, model
            waiting += [path.parent / name for name in references.linked(model)]


class _Loader(yaml.CSafeLoader):
    """Reads Compose files with their `!reset` and `!override`; dates and the like stay text."""


def _tagged(loader: _Loader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type] # nothing else is left


_TEXT = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag not in _TEXT]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_multi_constructor("!", _tagged)


def _documents(path: Path) -> list[Mapping[str, Any]]:
    text = _text(path)
    try:
        found = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError:
        return [{"x-unreadable": text}]
    return [document for document in found if isinstance(document, Mapping)]


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
