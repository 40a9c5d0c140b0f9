"""Which pull request a run belongs to, and whether its author may push to the repository anyway."""

import json
from collections.abc import Mapping
from pathlib import Path

EVENT = "pull_request"
PREVIEWS = ("preview.up", "preview.down")
"""The tasks that may connect to a server in a pull request of the repository's own branches."""


def own_number(environment: Mapping[str, str]) -> int:
    """The number of the pull request, if its branch is in this repository; 0 for a fork's, and for any other event."""
    if environment.get("GITHUB_EVENT_NAME") != EVENT:
        return 0
    try:
        told = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text())["pull_request"]
        head, base = ((told[side]["repo"]["id"], told[side]["repo"]["full_name"]) for side in ("head", "base"))
        return int(told["number"]) if head == base and base[1] == environment["GITHUB_REPOSITORY"] else 0
    except (KeyError, TypeError, ValueError, OSError):  # also of a fork that was deleted
        return 0
