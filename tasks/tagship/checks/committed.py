"""Searches the repository's history for committed secrets with kingfisher, which works without a network.

https://github.com/mongodb/kingfisher; docs/decisions/committed-secrets.md says why this one.
"""

import fnmatch
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tagship.checks.running import Result, Running
from tagship.errors import TagshipError
from tagship.project.schema import SecretScan
from tagship.source import git
from tagship.system import programs, scratch

COMPONENT = "secrets"
EXTRA = "pip install 'tagship[scan]'"
_FOUND = (0, 200, 205)
"""Exit codes of a search that was finished: nothing, something, something that still works."""
_OPTIONS = (
    "--branch", "HEAD", "--no-validate", "--no-update-check", "--no-ignore", "--redact", "--quiet", "--format", "json",
)  # fmt: skip
"""Only what HEAD contains, so neither ignored files nor other branches. Tries and prints no value."""


@dataclass(frozen=True)
class Leak:
    """One secret in the history. The fingerprint stands for the value at this path, in whatever commit and line."""

    fingerprint: str
    path: str
    line: int
    kind: str
    commit: str

    def __str__(self) -> str:
        return f"{self.fingerprint}  {self.path}:{self.line}  {self.kind}  {self.commit}"


def program() -> str:
    """The kingfisher of this Python's environment, or the one on PATH; empty if it isn't installed."""
    own = Path(sys.executable).with_name("kingfisher")
    return str(own) if own.exists() else shutil.which("kingfisher") or ""


def search(how: SecretScan, folder: Path, running: Running) -> Result:
    """Search the history of the repository that contains the folder; report what the baseline doesn't accept."""
    began = time.monotonic()

    def result(problem: str, output: str = "") -> Result:
        return Result(COMPONENT, problem, time.monotonic() - began, output)

    if not (kingfisher := program()):
        return result("kingfisher is not installed", f"hint: run {EXTRA}, or set `when: never`")
    try:
        top = git.top(folder)
    except TagshipError as error:
        return result("there is no repository", error.problem)
    with scratch.folder() as reports:
        report = reports / "report.json"
        code, printed = running.ran(
            [kingfisher, "scan", str(top), *_OPTIONS, "--confidence", how.confidence, "--output", str(report)],
            folder,
            programs.environment(),
        )
        if code not in _FOUND or not report.is_file():
            return result(f"kingfisher: exit {code}", printed)
        leaks = list(_leaks(json.loads(report.read_text()), how, _accepted(folder / how.baseline)))
    if not leaks:
        return result("")
    text = "\n".join(map(str, leaks))
    many = "one secret" if len(leaks) == 1 else f"{len(leaks)} secrets"
    advice = f"Replace each where it is used. To accept one as harmless, put its number into {how.baseline}."
    return result(f"{many} in the history", f"{text}\n{advice}")


def _accepted(baseline: Path) -> frozenset[str]:
    """The first word of each line, except comments."""
    lines = baseline.read_text().splitlines() if baseline.is_file() else []
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def _leaks(report: object, how: SecretScan, accepted: frozenset[str]) -> Iterator[Leak]:
    assert isinstance(report, dict)  # noqa: S101 - kingfisher's envelope
    seen = set(accepted)
    for item in report["findings"]:
        found = item["finding"]
        leak = Leak(
            str(found["fingerprint"]), found["path"], found["line"], item["rule"]["name"],
            ((found.get("git_metadata") or {}).get("commit") or {}).get("id", "")[:8],
        )  # fmt: skip
        if leak.fingerprint not in seen and not any(fnmatch.fnmatch(leak.path, each) for each in how.exclude):
            seen.add(leak.fingerprint)
            yield leak
