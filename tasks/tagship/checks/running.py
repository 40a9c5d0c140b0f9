"""Programs that check something side by side, and what came of them."""

import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tagship.system import group


@dataclass(frozen=True)
class Result:
    """The result of one component's suite. `problem` is empty if it passed."""

    component: str
    problem: str
    seconds: float
    output: str
    coverage: float | None = None

    def row(self) -> tuple[str, str, str, str]:
        """A table row: component, result, time, coverage."""
        covered = "" if self.coverage is None else f"{self.coverage:.1f} %"
        return self.component, self.problem or "passed", f"{self.seconds:.1f} s", covered


class Running:
    """The programs that are running."""

    def __init__(self) -> None:
        self._programs: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether it ended its programs, whose failures then say nothing."""
        return self._ended

    def ran(self, argv: list[str], where: Path, environment: Mapping[str, str]) -> tuple[int, str]:
        """Run a program to its end. Returns its exit code, and what it printed. Raises OSError, ValueError."""
        with group.begin(argv, environment, where) as process:
            with self._lock:
                self._programs.add(process)
                if self._ended:
                    group.terminate(process)
            printed, _ = process.communicate()
        with self._lock:
            self._programs.discard(process)
        return process.returncode, printed

    def end(self) -> None:
        """End all programs, and those that start later."""
        with self._lock:
            self._ended = True
            for process in self._programs:
                group.terminate(process)
