"""Writes the step's outputs and summary. The files contain only what we write."""

import secrets
from collections.abc import Mapping
from pathlib import Path

FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
"""The step's command files. Tasks don't learn their names, and anything they wrote there is dropped."""
SUMMARY_LIMIT = 1024 * 1024
"""Maximum bytes of a step's summary (GitHub's workflow command reference); GitHub rejects a longer one."""


def render(values: Mapping[str, str]) -> str:
    """The outputs in the runner's format, each ended by a random delimiter that no value can contain."""
    lines = []
    for name, value in values.items():
        end = f"end-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{end}\n{value}\n{end}\n")
    return "".join(lines)


def write(environment: Mapping[str, str], values: Mapping[str, str], summary: str) -> None:
    """Replace the content of the step's command files with the outputs and the summary; empty the others."""
    content = {"GITHUB_OUTPUT": render(values), "GITHUB_STEP_SUMMARY": cut(summary)}
    for name in FILES:
        if path := environment.get(name):
            Path(path).write_text(content.get(name, ""), encoding="utf-8")


def cut(summary: str) -> str:
    """At most SUMMARY_LIMIT bytes, with a remark if something was cut."""
    data = summary.encode()
    if len(data) <= SUMMARY_LIMIT:
        return summary
    remark = "\n\n*Cut: the log has the rest.*\n"
    return data[: SUMMARY_LIMIT - len(remark.encode())].decode(errors="ignore") + remark
