"""Runs the app's own commands before and after the stages of a deploy."""

import os
import shlex
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tagship.checks import suites
from tagship.errors import HookError
from tagship.project.beside_settings import HookSettings
from tagship.reporting import redaction
from tagship.reporting.progress import Progress
from tagship.system import group

Tell = Callable[[str], None]
SHOWN = 10
"""How many of its last lines the error of a command has."""
_TAKEN = frozenset({"TAGSHIP_ACTION_EVENTS", "TAGSHIP_ACTION_MARK"})
"""Variables with which a command could speak for Tagship."""


@dataclass
class Hooks:
    """The commands of one environment, and the facts that they get as variables."""

    settings: HookSettings
    folder: Path
    progress: Progress
    facts: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def around(self, stage: str, facts: Mapping[str, str] | None = None) -> Iterator[None]:
        """Run `before-STAGE`, then the block, then `after-STAGE` unless the block failed.

        Raises HookError if a command before it fails. One after it is only reported.
        """
        self.before(stage, facts)
        yield
        for remark in self.after(stage, facts):
            self.progress.note(remark)

    def before(self, stage: str, facts: Mapping[str, str] | None = None) -> None:
        """Run the commands before a stage. Raises HookError."""
        self.facts |= dict(facts or {})
        for command in self.settings.of(f"before-{stage}"):
            self._run(f"before-{stage}", command)

    def after(self, stage: str, facts: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Run the commands after a stage. Returns what failed."""
        self.facts |= dict(facts or {})
        failed: list[str] = []
        for command in self.settings.of(f"after-{stage}"):
            try:
                self._run(f"after-{stage}", command)
            except HookError as error:
                failed.append(error.problem)
        return tuple(failed)

    def _run(self, name: str, command: str) -> None:
        redaction.conceal(redaction.telling(os.environ))
        env = {**suites.environment(), **self.facts, "TAGSHIP_HOOK": name}
        env = {key: value for key, value in env.items() if key not in _TAKEN}
        title = f"{name}: {redaction.hide_secrets(command)}"
        with self.progress.step(title), self.progress.output(title) as tell:
            lines: deque[str] = deque(maxlen=SHOWN)
            try:
                code = _ran(shlex.split(command), self.folder, env, self.settings.within, lines, tell)
            except (OSError, ValueError) as error:  # ValueError: an unclosed quote
                raise _failure(name, command, getattr(error, "strerror", None) or str(error)) from None
            if code:
                raise _failure(name, command, f"exit {code}", () if tell else tuple(lines))


def _ran(  # noqa: PLR0913, PLR0917 - one program
    argv: list[str], where: Path, env: Mapping[str, str], within: float, lines: deque[str], tell: Tell | None
) -> int:
    """Run a program to its end. Returns its exit code. Raises OSError, also if it takes too long."""
    late = threading.Event()
    with group.begin(argv, env, where) as process:

        def end() -> None:
            late.set()
            group.end(process)

        timer = threading.Timer(within, end)
        timer.daemon = True
        timer.start()
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if tell:
                    tell(line.rstrip())
            code = process.wait()
        except BaseException:
            group.end(process)
            raise
        finally:
            timer.cancel()
    if late.is_set():
        msg = f"not done within {within:g} s"
        raise TimeoutError(msg)
    return code


def _failure(name: str, command: str, how: str, lines: tuple[str, ...] = ()) -> HookError:
    said = "".join(f"\n  {line}" for line in lines)
    return HookError(f"{name} failed: {command}: {how}{said}", hint="correct `hooks` in tagship.yml, or that command")
