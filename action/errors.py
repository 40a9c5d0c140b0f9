"""What stops the action before or beside its tasks."""


class ActionError(Exception):
    """Says what is wrong with how the action is used, then what to do about it."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem} {hint}".strip())
        self.problem = problem
        self.hint = hint


class CancelledError(Exception):
    """The job was cancelled before its tasks began."""
