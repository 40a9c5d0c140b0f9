"""How every task is declared, and what its common options say."""

import functools
import os
from collections.abc import Callable
from typing import Any

from invoke.context import Context
from invoke.tasks import task as _task

from tagship.errors import UsageError

Body = Callable[..., None]


def task(*, changes: bool = True, trusts: bool = True, **how: Any) -> Callable[[Body], Any]:  # noqa: ANN401 - as Invoke's own `task` takes it
    """Declare a task as Invoke does: reported where that is on, and stopped by signals with the exit code 130.

    A module of tasks is imported whenever any task is, or their list. So it imports nothing but `errors` and Python's
    own at its top; what a task runs, it imports when it runs. A test counts the modules.

    `changes`: something outlives it, in an environment, a registry, on GitHub, in Sentry or a file; it has `--dry-run`.
    `trusts`: it goes where tagship.yml says, or shows secrets there. In GitHub Actions it runs on a commit of the
    run's branch only, and the action runs it on no pull request. What doesn't say so is held to change and to trust.

    -d would be --dirty here and --dry-run there: options are spelt out. Every one has a default, or Invoke would take
    it for positional, and `deploy --help` for the environment "--help".
    """

    def declare(body: Body) -> Any:  # noqa: ANN401 - as Invoke types its own
        name = f"{body.__module__.rpartition('.')[2]}.{body.__name__}"

        @functools.wraps(body)
        def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the task's own
            if arguments and isinstance(arguments[0], Context) and arguments[0].config.run.dry:
                raise UsageError("-R shows nothing in advance: it is for shell commands.", hint="--dry-run does")
            from tagship.reporting import telemetry
            from tagship.system.signals import interruptible

            with telemetry.reported(name), interruptible():
                if trusts and os.environ.get("GITHUB_ACTIONS"):  # elsewhere, who types is who decides
                    from tagship.github import gate
                    from tagship.project import here

                    gate.refuse_unreviewed(here.folder())
                body(*arguments, **options)

        declared: Any = _task(run, auto_shortflags=False, **how)
        declared.changes, declared.trusts = changes, trusts
        return declared

    return declare


ENV = "Which environment of tagship.yml; must be named."
JSON = "Print the result as JSON."
DRY_RUN = "Print the plan and change nothing."
WAIT = "Seconds to wait for somebody else's deploy to end."
DIRTY = "Take the uncommitted tree, tagged SHA-dirty-HASH; refused where releases are promoted or approved."
