"""Every failure that a user can meet: what went wrong, what to do about it, and one exit code for each kind.

TagshipError                1   any error below
├── ConfigError             2   tagship.yml, the Compose file, variables or secrets need a change
├── ToolError               3   a program or engine that this machine needs is missing or too old
├── SourceError             4   the commit: unknown, ambiguous, or the work tree is dirty
├── SuiteError              5   a test or lint suite failed, or coverage is below its minimum
├── BuildError              6   an image can't be built
├── RegistryError           7   the registry refuses, lacks the image, or has another digest for it
├── ConnectionFailedError   8   the server or its engine can't be reached
├── CheckError              9   the server doesn't meet this deploy's needs; whatever was changed has been undone
├── LockedError            10   another deploy holds the lock, or this one lost it
├── MigrationError         11   a migration failed; the old release is still serving
├── RolloutError           12   the new release didn't start, wasn't ready or failed as a canary; the old one serves on
├── SmokeTestError         13   a smoke test failed
├── EngineError            14   the engine refused a call that should have worked
├── ApprovalError          15   the environment lacks the demanded protection, or the commit isn't on the branch
├── SentryError            16   Sentry refuses or doesn't answer, and the task needs it
├── UnhealthyError         17   Sentry finds the release unhealthy; a deploy that was baking has switched back
├── InconclusiveError      18   Sentry has too little data to call the release healthy
├── LedgerError            19   a line of the ledger was changed, truncated or removed
├── BackupError            20   a backup, a restore or a drill failed, or a backup isn't what its manifest says
├── StoreError             21   the backups' store refuses, can't be reached, or is full
├── SecretsError           22   a secret store can't be reached, refuses, or holds something else than secrets
├── HookError              23   a command in `hooks` failed (before-deploy: nothing was changed), or `previews.seed`
├── GitHubError            24   GitHub refuses or doesn't answer, and the task needs it
├── UsageError             64   the command line is wrong: an unknown task or option, or a value that it can't take
└── StoppedError          130   Ctrl-C, or the run was cancelled; a deploy says which release serves now
"""

import re
from collections.abc import Callable

from invoke.exceptions import Exit

_NUMBER = re.compile(r"\[Errno -?\d+\] ")


def plain(error: BaseException) -> str:
    """What an error says, without the system's number for it; its kind if it says nothing."""
    return _NUMBER.sub("", str(error)) or type(error).__name__


class TagshipError(Exit):
    """An error that says what went wrong, then what to do about it."""

    exit_code = 1
    output = ""
    """All that a failed program printed, if the error comes from one; `problem` has only the last lines."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"{problem}\n  hint: {hint}" if hint else problem, self.exit_code)

    def add_hint(self, more: str) -> None:
        """Extend the hint by something that became known after the error was raised."""
        TagshipError.__init__(self, self.problem, hint=f"{self.hint}; {more}" if self.hint else more)

    def replace(self, change: Callable[[str], str]) -> None:
        """Change all its texts, for example to hide secrets in them."""
        self.output = change(self.output)
        TagshipError.__init__(self, change(self.problem), hint=change(self.hint))

    def __str__(self) -> str:
        return str(self.message)


class ConfigError(TagshipError):
    """tagship.yml, the Compose file, variables or secrets need a change."""

    exit_code = 2


class ToolError(TagshipError):
    """A program or engine that this machine needs is missing or too old."""

    exit_code = 3


class SourceError(TagshipError):
    """The commit is unknown or ambiguous, or the work tree is dirty."""

    exit_code = 4


class SuiteError(TagshipError):
    """A test or lint suite failed, or coverage is below its minimum."""

    exit_code = 5


class BuildError(TagshipError):
    """An image can't be built."""

    exit_code = 6


class RegistryError(TagshipError):
    """The registry refuses, lacks the image, or already has another digest for it."""

    exit_code = 7


class ConnectionFailedError(TagshipError):
    """The server or its engine can't be reached. `status` first shows the environments that it can reach."""

    exit_code = 8


class CheckError(TagshipError):
    """The server doesn't meet this deploy's needs; nothing was changed, or the deploy has undone its changes."""

    exit_code = 9


class LockedError(TagshipError):
    """Another deploy holds the environment's lock, or this one lost it."""

    exit_code = 10


class MigrationError(TagshipError):
    """A migration failed; the old release is still serving."""

    exit_code = 11


class RolloutError(TagshipError):
    """The new release didn't start or become ready, was rejected, or failed during a hold or a canary.

    The old release serves. `dev.up` also ends this way if a service doesn't become ready.
    """

    exit_code = 12


class SmokeTestError(TagshipError):
    """A smoke test failed."""

    exit_code = 13


class ApprovalError(TagshipError):
    """The environment lacks the protection that tagship.yml demands, or the commit isn't on the run's branch."""

    exit_code = 15


class SentryError(TagshipError):
    """Sentry refuses or doesn't answer, and the task needs it. Carries the HTTP status, 0 without an answer."""

    exit_code = 16

    def __init__(self, problem: str, *, status: int = 0, hint: str = "") -> None:
        self.status = status
        super().__init__(problem, hint=hint)


class UnhealthyError(TagshipError):
    """Sentry finds the release unhealthy."""

    exit_code = 17


class InconclusiveError(TagshipError):
    """Sentry has too little data to call the release healthy."""

    exit_code = 18


class LedgerError(TagshipError):
    """A line of the ledger was changed, truncated or removed."""

    exit_code = 19


class BackupError(TagshipError):
    """A backup, a restore or a drill failed, or a backup isn't what its manifest says. The database is as it was."""

    exit_code = 20


class StoreError(TagshipError):
    """The backups' store refuses, can't be reached, or is full."""

    exit_code = 21


class SecretsError(TagshipError):
    """A secret store can't be reached, refuses, or holds something else than secrets. Nothing was changed."""

    exit_code = 22


class HookError(TagshipError):
    """A command in `hooks` that runs before a stage failed, so it didn't begin; or the command that seeds a preview."""

    exit_code = 23


class GitHubError(TagshipError):
    """GitHub refuses or doesn't answer, and the task needs it. Carries the HTTP status, 0 without an answer."""

    exit_code = 24

    def __init__(self, problem: str, *, status: int = 0, hint: str = "") -> None:
        self.status = status
        super().__init__(problem, hint=hint)


class UsageError(TagshipError):
    """The command line is wrong: an unknown task or option, or a value that it can't take (sysexits.h, EX_USAGE)."""

    exit_code = 64


class StoppedError(TagshipError):
    """Ctrl-C was pressed, or the run was cancelled."""

    exit_code = 130


class EngineError(TagshipError):
    """The engine refused a call that should have worked. Carries the HTTP status."""

    exit_code = 14

    def __init__(self, problem: str, *, status: int = 0, hint: str = "") -> None:
        self.status = status
        super().__init__(problem, hint=hint)
