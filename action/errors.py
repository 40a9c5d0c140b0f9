"""Errors of the action outside its tasks."""


class ActionError(Exception):
    """The action is used wrongly: what is wrong, then what to do about it."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem} {hint}".strip())
        self.problem = problem
        self.hint = hint


class CancelledError(Exception):
    """The job was cancelled before its tasks began."""
