"""The commit that is meant, and a folder with its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagship.errors import SourceError
from tagship.names import Version
from tagship.project.schema import Environment
from tagship.source import git
from tagship.system import scratch


def refuse_dirty(folder: Path) -> None:
    """Raises SourceError when the work tree isn't the commit."""
    changed = git.changes(folder)
    if changed:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")  # noqa: PLR2004
        raise SourceError(f"The work tree has uncommitted changes: {shown}.", hint="commit them, or `--dirty`")


@contextmanager
def checkout(version: Version, folder: Path) -> Iterator[Path]:
    """A folder with just the files of a commit: the work tree when it is that commit, else a copy of the commit's."""
    if version.dirty or (version.sha == git.head(folder) and not git.changes(folder)):
        yield folder
        return
    with scratch.folder() as copy:
        yield git.export(version, copy, folder)


def version(settings: Environment, sha: str, folder: Path, *, dirty: bool) -> Version:
    """The commit that is meant for an environment. Raises SourceError where a dirty tree may not go."""
    found = git.version(sha, dirty=dirty, folder=folder)
    if not dirty and (edited := git.edited(settings.variables, folder)):
        raise SourceError(
            f"{', '.join(edited)}, which {settings.name} takes its variables from, differs from what is committed.",
            hint="commit it, or `--dirty`; or let git ignore it, and it is nobody's commit",
        )
    if found.dirty and (settings.promote_from or settings.approval == "required"):
        raise SourceError(
            f"{settings.name} takes committed releases only, and the work tree has changes.", hint="commit them first"
        )
    return found
