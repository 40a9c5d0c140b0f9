"""Every failure a person can meet: what went wrong, what to do about it, and an exit code per kind.

TagshipError                1   anything below
├── ConfigError             2   tagship.yml, the Compose file, variables or secrets need a change
├── ToolError               3   a program or engine this machine needs is missing or too old
├── SourceError             4   the commit: unknown, ambiguous, or the work tree is dirty
├── SuiteError              5   a test or lint suite failed, or coverage is below its floor
├── BuildError              6   an image could not be built
├── RegistryError           7   the registry refused, lacks the image, or names another digest
├── ConnectionFailedError   8   the server or its engine can't be reached
├── CheckError              9   the server isn't fit for this deploy; nothing was changed
├── LockedError            10   somebody else is deploying, or our lease was lost
├── MigrationError         11   a migration failed; the old release is still serving
├── RolloutError           12   the new release didn't start or get ready; the old one is still serving
├── SmokeTestError         13   a smoke test failed
├── EngineError            14   the engine refused a call that should have worked
├── ApprovalError          15   the environment isn't protected as tagship.yml demands, or it is another branch's commit
├── SentryError            16   Sentry refused or doesn't answer, where it is asked for or required
├── UnhealthyError         17   Sentry finds the release unhealthy; a deploy that bakes has gone back
├── InconclusiveError      18   Sentry knows too little of the release to call it healthy
├── LedgerError            19   a line of the ledger was changed, torn or taken out
├── UsageError             64   the command line names a task or option that there isn't
└── StoppedError          130   Ctrl-C, or the run was cancelled: what was begun has been put back
"""

from invoke.exceptions import Exit


class TagshipError(Exit):
    """Says what went wrong, then what to do about it."""

    exit_code = 1

    def __init__(self, problem: str, *, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"{problem}\n  hint: {hint}" if hint else problem, self.exit_code)

    def add_hint(self, more: str) -> None:
        """Say one more thing: what could only be known after the error was raised."""
        TagshipError.__init__(self, self.problem, hint=f"{self.hint}; {more}" if self.hint else more)

    def __str__(self) -> str:
        return str(self.message)


class ConfigError(TagshipError):
    """tagship.yml, the Compose file, variables or secrets need a change."""

    exit_code = 2


class ToolError(TagshipError):
    """A program or engine this machine needs is missing or too old."""

    exit_code = 3


class SourceError(TagshipError):
    """The commit is unknown or ambiguous, or the work tree is dirty."""

    exit_code = 4


class SuiteError(TagshipError):
    """A test or lint suite failed, or coverage is below its floor."""

    exit_code = 5


class BuildError(TagshipError):
    """An image could not be built."""

    exit_code = 6


class RegistryError(TagshipError):
    """The registry refused, lacks the image, or already names another digest."""

    exit_code = 7


class ConnectionFailedError(TagshipError):
    """The server or its engine can't be reached. `status` shows all others first, and ends with this for one."""

    exit_code = 8


class CheckError(TagshipError):
    """The server isn't fit for this deploy; nothing was changed."""

    exit_code = 9


class LockedError(TagshipError):
    """Somebody else is deploying to this environment, or our lease was lost."""

    exit_code = 10


class MigrationError(TagshipError):
    """A migration failed; the old release is still serving."""

    exit_code = 11


class RolloutError(TagshipError):
    """The new release didn't start or get ready; the old one is still serving."""

    exit_code = 12


class SmokeTestError(TagshipError):
    """A smoke test failed."""

    exit_code = 13


class ApprovalError(TagshipError):
    """The environment isn't protected as tagship.yml demands, or the commit isn't on the run's branch."""

    exit_code = 15


class SentryError(TagshipError):
    """Sentry refused or doesn't answer, where it is asked for or required. Carries the HTTP status, 0 for none."""

    exit_code = 16

    def __init__(self, problem: str, *, status: int = 0, hint: str = "") -> None:
        self.status = status
        super().__init__(problem, hint=hint)


class UnhealthyError(TagshipError):
    """Sentry finds the release unhealthy."""

    exit_code = 17


class InconclusiveError(TagshipError):
    """Sentry knows too little of the release to call it healthy."""

    exit_code = 18


class LedgerError(TagshipError):
    """A line of the ledger was changed, torn or taken out."""

    exit_code = 19


class UsageError(TagshipError):
    """The command line names a task or option that there isn't (sysexits.h, EX_USAGE)."""

    exit_code = 64


class StoppedError(TagshipError):
    """Somebody pressed Ctrl-C, or the run was cancelled."""

    exit_code = 130


class EngineError(TagshipError):
    """The engine refused a call that should have worked. Carries the HTTP status."""

    exit_code = 14

    def __init__(self, problem: str, *, status: int = 0, hint: str = "") -> None:
        self.status = status
        super().__init__(problem, hint=hint)
