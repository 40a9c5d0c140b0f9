"""Prints the plan of a run with `--dry-run`, for people or as JSON."""

import json as jsonlib


def plan(text: str, *, json: bool) -> None:
    """Print what a task would do."""
    print(jsonlib.dumps({"dry_run": True, "plan": text.splitlines()}) if json else text)  # noqa: T201 - the task's result
