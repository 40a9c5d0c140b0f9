"""The last door before the terminal: no error, traceback or core file of a task has a secret in it."""

import resource
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from tagship.errors import TagshipError
from tagship.reporting import redaction


@contextmanager
def hidden() -> Iterator[None]:
    """Hide every Secret in the error that a task ends with, and let a crash leave no core file."""
    sys.excepthook = _shown
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        yield
    except TagshipError as error:
        error.replace(redaction.hide_secrets)
        raise


def _shown(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(redaction.hide_secrets("".join(traceback.format_exception(kind, error, trace))))
