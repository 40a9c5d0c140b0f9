"""Calls of Docker's API as patterns, in which names and ids are left open."""

import re
from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/engine-calls.md"
_NAMED = {
    "containers": {"create", "json", "prune"},
    "networks": {"create", "prune"},
    "volumes": {"create", "prune"},
    "exec": set(),
}
"""The collections whose second word is a name or an id, but for these."""
_ANY = "[^/]+"


def pattern(path: str) -> str:
    """A regular expression for a path and all others that differ in version, name and id alone."""
    words = re.sub(r"^/v[\d.]+(?=/)", "", path).removeprefix("/").split("/")
    if len(words) > 1 and words[0] in _NAMED and words[1] not in _NAMED[words[0]]:
        words[1] = _ANY
    elif words[0] in {"images", "distribution"} and words[-1] == "json" and len(words) > 2:
        words[1:-1] = [".+"]  # a name with slashes
    elif words[0] == "images" and len(words) > 1 and words[1] not in {"create", "json", "load", "prune"}:
        words[1:] = [".+"]
    return "/" + "/".join(words)


def table(calls: Iterable[tuple[str, str]]) -> str:
    """Method and pattern of each, as lines of a Markdown table, in order."""
    lines = sorted({f"| {method} | `{pattern(path)}` |" for method, path in calls})
    return "\n".join(("| method | path |", "| --- | --- |", *lines, ""))


def listed() -> dict[str, list[str]]:
    """Method → patterns, as the page has them."""
    found: dict[str, list[str]] = {}
    for method, path in re.findall(r"^\| ([A-Z]+) \| `(\S+)` \|$", PAGE.read_text(), re.MULTILINE):
        found.setdefault(method, []).append(path)
    return found
