"""Declares the tasks, and the help of their common options."""

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from invoke.context import Context
from invoke.tasks import task as _task

from tagship.errors import CheckError, UsageError

Body = Callable[..., None]


def task(*, changes: bool = True, trusts: bool = True, **how: Any) -> Callable[[Body], Any]:  # noqa: ANN401 - as Invoke's `task`
    """Declare a task as Invoke does, with telemetry if it is on, and with exit code 130 after a signal.

    Any call of Invoke imports all modules of tasks, even `--list`. So these import only `errors` and the standard
    library at the top; a task imports the rest when it runs. A test counts the modules.

    `changes`: the task changes an environment, a registry, GitHub, Sentry or a file; it has `--dry-run`. `trusts`: the
    task connects to what tagship.yml names, or sends secrets there. In GitHub Actions it runs only on a commit of the
    run's branch, and the action refuses it for pull requests. Both default to true.

    Options have no short forms, because -d would mean --dirty in one task and --dry-run in another. Every option has a
    default; otherwise Invoke would take it for positional, and `deploy --help` for the environment "--help".

    An option given empty is refused: `--to "$SHA"` with an unset variable would otherwise go back to the wrong release.
    To tell an empty option from a missing one, Invoke gets None as the default of text options.
    """

    def declare(body: Body) -> Any:  # noqa: ANN401 - as Invoke types its own
        name = f"{body.__module__.rpartition('.')[2]}.{body.__name__}"
        parameters = inspect.signature(body).parameters.values()
        texts = {each.name: each.default for each in parameters if isinstance(each.default, str)}

        @functools.wraps(body)
        def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the task's own
            if arguments and isinstance(arguments[0], Context) and arguments[0].config.run.dry:
                raise UsageError("-R works only for shell commands, so this task would run.", hint="use --dry-run")
            options = {name: _given(name, value, texts.get(name)) for name, value in options.items()}
            _refuse(options)
            from tagship.reporting import leaks, telemetry
            from tagship.system.signals import interruptible

            with leaks.hidden(), telemetry.reported(name), interruptible():
                if trusts:
                    _refuse_unreviewed()
                try:
                    body(*arguments, **options)
                except EOFError:
                    raise CheckError(
                        "The question got no answer.", hint="pass the option that answers it; --help names it"
                    ) from None

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(default=None) if each.name in texts else each for each in parameters]
        )
        declared: Any = _task(run, auto_shortflags=False, **how)
        declared.changes, declared.trusts = changes, trusts
        return declared

    return declare


def _refuse_unreviewed() -> None:
    """In GitHub Actions, raises ApprovalError for a commit that isn't on the run's branch; elsewhere users decide."""
    if os.environ.get("GITHUB_ACTIONS"):
        from tagship.github import gate
        from tagship.project import here

        gate.refuse_unreviewed(here.folder())


def _given(name: str, said: Any, default: str | None) -> Any:  # noqa: ANN401 - as Invoke parses it
    """What an option says; its default if it was left out. Raises UsageError if it, or one of many, was given empty."""
    if said == "" or (isinstance(said, list) and "" in said):
        option = name.rstrip("_").replace("_", "-")
        raise UsageError(f"--{option} is empty.", hint="give it a value, or leave it out")
    return default if said is None else said


def _refuse(options: Mapping[str, Any]) -> None:
    """Raises UsageError for values that no task can do anything with."""
    if (wait := options.get("wait", 0)) < 0:
        raise UsageError(f"--wait {wait} is negative.", hint="pass 0 or more seconds")
    if (backup := options.get("backup", "")) not in {"", SKIP}:
        raise UsageError(
            f"--backup accepts only `{SKIP}`, not {backup}.", hint=f"pass --backup {SKIP}, or leave it out"
        )


SKIP = "skip"
ENV = "The environment of tagship.yml; required."
JSON = "Print the result as JSON."
EXPLAIN = "Print the plan as a shell script of docker commands and change nothing."
DRY_RUN = "Print the plan and change nothing."
CHECK_IN = "Report this run to Sentry's monitor APP-{}-ENV; its schedule as five cron fields, in UTC."
VERBOSE = "Print all that the build prints, while it builds."
WAIT = "Seconds to wait for another deploy to end. Default: 0, fail at once."
DIRTY = "Use the uncommitted work tree, tagged SHA-dirty-HASH. Refused with `promote-from` or `approval: required`."
BACKUP = "Only `skip`: migrate without the backup that `backups` would make."
