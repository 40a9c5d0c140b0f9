"""Determines the commit to ship, and provides a folder with its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagship.errors import SourceError
from tagship.names import Version
from tagship.project.schema import Environment
from tagship.source import git
from tagship.system import scratch
from tagship.system.parallel import beside


def refuse_dirty(folder: Path) -> None:
    """Raises SourceError if the work tree differs from the commit."""
    changed = git.changes(folder)
    if changed:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")  # noqa: PLR2004
        raise SourceError(f"The work tree has uncommitted changes: {shown}.", hint="commit them, or pass `--dirty`")


@contextmanager
def checkout(version: Version, folder: Path) -> Iterator[Path]:
    """A folder with only the files of a commit: the work tree if it is that commit, otherwise a copy."""
    if version.dirty or beside(lambda: git.head(folder), lambda: git.changes(folder)) == (version.sha, []):
        yield folder
        return
    with scratch.folder() as copy:
        yield git.export(version, copy, folder)


def version(settings: Environment, sha: str, folder: Path, *, dirty: bool) -> Version:
    """The version to ship to an environment. Raises SourceError if uncommitted changes may not go there."""
    found, edited = beside(
        lambda: git.version(sha, dirty=dirty, folder=folder),
        lambda: [] if dirty else git.edited(settings.variables, folder),
    )
    if edited:
        raise SourceError(
            f"{', '.join(edited)}, which holds variables of {settings.name}, has uncommitted changes.",
            hint="commit it, pass `--dirty`, or let git ignore the file",
        )
    if found.dirty and (settings.promote_from or settings.approval == "required"):
        raise SourceError(
            f"{settings.name} accepts only committed releases, but the work tree has changes.", hint="commit them first"
        )
    return found
