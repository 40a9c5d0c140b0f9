"""How every task is declared, and what its common options say."""

import functools
from collections.abc import Callable
from typing import Any

from invoke.tasks import task as _task

from tagship import telemetry

Body = Callable[..., None]


def task(**how: Any) -> Callable[[Body], Any]:  # noqa: ANN401 - as Invoke's own `task` takes it
    """Declare a task as Invoke does, reported where that is on.

    -d would be --dirty here and --dry-run there: options are spelt out. Every one has a default, or Invoke would take
    it for positional, and `deploy --help` for the environment "--help".
    """

    def declare(body: Body) -> Any:  # noqa: ANN401 - as Invoke types its own
        name = f"{body.__module__.rpartition('.')[2]}.{body.__name__}"

        @functools.wraps(body)
        def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - the task's own
            with telemetry.reported(name):
                body(*arguments, **options)

        return _task(run, auto_shortflags=False, **how)

    return declare


ENV = "Which environment of tagship.yml; must be named."
JSON = "Print the result as JSON."
DRY_RUN = "Print the plan and change nothing."
WAIT = "Seconds to wait for somebody else's deploy to end."
DIRTY = "Take the uncommitted tree, tagged SHA-dirty-HASH; refused where releases are promoted or approved."
