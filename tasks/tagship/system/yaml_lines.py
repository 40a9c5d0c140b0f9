"""Finds the line in which a key of a YAML file stands."""

from collections.abc import Iterator, Sequence

import yaml


def line(node: yaml.Node | None, location: Sequence[object]) -> tuple[int, int]:
    """The line, from 1, of a path in a document, or of its nearest parent if the path isn't there.

    The second number says how many keys of the path are there.
    """
    at, depth = node.start_mark.line + 1 if node else 1, 0
    for part in location:
        found = next((pair for pair in pairs(node, part)), None)
        if found is None:
            break
        key, node = found
        at, depth = key.start_mark.line + 1, depth + 1
    return at, depth


def pairs(node: yaml.Node | None, part: object) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """The key and the value of a mapping's key; an item of a list, twice, for its index."""
    if isinstance(node, yaml.MappingNode):
        yield from ((key, value) for key, value in node.value if key.value == str(part))
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        yield node.value[part], node.value[part]


def read(text: str) -> yaml.Node | None:
    """A document's nodes; None for what isn't YAML."""
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
