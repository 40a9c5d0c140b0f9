"""Asks git about a commit: its SHA, its tree, and whether the work tree is that commit.

`folder` is always the project's, which may be part of its repository; by default the current one.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tagship.errors import SourceError, TagshipError
from tagship.names import Version
from tagship.system.programs import run

HERE = Path()


class NoRepositoryError(SourceError):
    """The project isn't in a git repository."""


def version(prefix: str = "", *, dirty: bool = False, folder: Path = HERE) -> Version:
    """The commit that `prefix` matches, or HEAD; with `dirty`, the work tree with its changes.

    Raises SourceError if there is no such commit or more than one.
    """
    if prefix and not re.fullmatch(r"[0-9a-f]{4,40}", prefix):
        raise SourceError(f"{prefix!r} is not a commit's SHA.", hint="give 4 to 40 hex digits")
    named = prefix or "HEAD"
    try:
        output = _git("rev-parse", f"{named}^{{commit}}", f"{named}^{{tree}}", folder=folder)
    except NoRepositoryError:
        raise
    except TagshipError:
        if not prefix:
            raise SourceError("This repository has no commit yet.", hint="run `git add` and `git commit`") from None
        raise SourceError(f"There is no single commit {named} here.", hint="fetch it, or give more digits") from None
    sha, tree = output.split()
    if prefix and not sha.startswith(prefix):
        raise SourceError(
            f"{prefix} is the name of a branch or tag here, not of a commit.", hint="give the commit's SHA"
        )
    if dirty and not prefix and changes(folder):
        return Version(f"{sha}-dirty-{_fingerprint(folder)}", tree)
    return Version(sha, tree)


def changes(folder: Path = HERE) -> list[str]:
    """The paths below the project's folder that differ from HEAD, including untracked files."""
    output = _git("status", "--porcelain", "--untracked-files=all", "--", ".", folder=folder)
    return [line[3:] for line in output.splitlines()]


def edited(paths: Iterable[str], folder: Path = HERE) -> list[str]:
    """The paths among these, below the project's folder, that git tracks and that differ from HEAD."""
    named = tuple(path for path in paths if not os.path.relpath(folder / path, folder).startswith(".."))
    return _git("diff", "--name-only", "--relative", "HEAD", "--", *named, folder=folder).splitlines() if named else []


def files(version: Version, folder: Path = HERE) -> frozenset[str]:
    """The files of a commit below the project's folder; for uncommitted changes, the files that would be committed."""
    listing = (
        ("ls-files", "--cached", "--others", "--exclude-standard")
        if version.dirty
        else ("ls-tree", "-r", "--name-only")
    )
    named = () if version.dirty else (version.sha,)
    return frozenset(_git(*listing, "-z", *named, folder=folder).split("\0"))


def tracked(folder: Path = HERE) -> frozenset[str] | None:
    """The files of the index below a folder, relative to it; None outside a repository."""
    try:
        return frozenset(name for name in _git("ls-files", "-z", folder=folder).split("\0") if name)
    except SourceError:
        return None


def ignored(paths: Iterable[str], folder: Path = HERE) -> frozenset[str]:
    """The paths among these that git ignores; none outside a repository."""
    try:
        found = _git("check-ignore", "-z", "--stdin", folder=folder, stdin="\0".join(paths))
    except SourceError:  # it ends with 1 if it finds none
        return frozenset()
    return frozenset(found.split("\0")) - {""}


def top(folder: Path = HERE) -> Path:
    """The repository's own folder. Raises NoRepositoryError."""
    return Path(_git("rev-parse", "--show-toplevel", folder=folder).removesuffix("\n"))


def head(folder: Path = HERE) -> str:
    """HEAD's SHA; empty outside a repository."""
    try:
        return _git("rev-parse", "HEAD", folder=folder).strip()
    except TagshipError:
        return ""


def is_ancestor(sha: str, tip: str, folder: Path = HERE) -> bool:
    """Whether a commit is the other one or its ancestor, as far as this clone shows."""
    try:
        _git("--no-replace-objects", "merge-base", "--is-ancestor", sha, tip, folder=folder)
    except TagshipError:
        return False
    return True


def branch(folder: Path = HERE) -> str:
    """The current branch; in GitHub Actions the run's. Empty for a detached HEAD."""
    return os.environ.get("GITHUB_REF_NAME") or _git("branch", "--show-current", folder=folder).strip()


def committed_at(version: Version, folder: Path = HERE) -> str:
    """The commit's time, ISO 8601, so that an image gets the same `created` label wherever it is built."""
    return _git("show", "-s", "--format=%cI", version.sha, folder=folder).strip()


def remote(folder: Path = HERE) -> str:
    """The repository's web address for OCI's `source` label, without credentials; empty without a remote."""
    try:
        url = _git("remote", "get-url", "origin", folder=folder).strip()
    except TagshipError:
        return ""
    scp = re.fullmatch(r"[^@/]+@([^:/]+):(.+)", url)
    url = f"https://{scp[1]}/{scp[2]}" if scp else re.sub(r"://[^@/]*@", "://", url)
    return url.removesuffix(".git")


@dataclass(frozen=True)
class Commit:
    """A commit as Sentry expects it. `at` is ISO 8601; `files` maps a path to A, M or D."""

    id: str
    author: str
    email: str
    at: str
    message: str
    files: Mapping[str, str]


def commits(since: str, sha: str, most: int, folder: Path = HERE) -> list[Commit]:
    """The commits in `sha` that aren't in `since`, newest first; if `since` is empty, the newest `most`.

    Raises SourceError if `since` isn't in this repository, with advice for a shallow clone.
    """
    for needed in (sha, since) if since else (sha,):
        _need(needed, folder)
    form = "%x01%H%x00%an%x00%ae%x00%cI%x00%B%x00"
    wanted = f"{since}..{sha}" if since else sha
    options = ("--no-show-signature", "--name-status", "--no-renames", f"--max-count={most}")
    output = _git("log", "-z", f"--format={form}", *options, wanted, "--", folder=folder)
    return [_commit(*part.split("\0")) for part in re.split("\x01(?=[0-9a-f]{40}\0)", output)[1:]]


def shallow(folder: Path = HERE) -> bool:
    """Whether this clone is shallow."""
    return _git("rev-parse", "--is-shallow-repository", folder=folder).strip() == "true"


def _commit(sha: str, author: str, email: str, at: str, message: str, *rest: str) -> Commit:
    """Parse git's output: an empty field ends a commit's own part, then statuses and paths alternate."""
    fields = [field.strip("\n") for field in rest if field.strip("\n")]
    kinds = {path: kind if kind in {"A", "D"} else "M" for kind, path in zip(fields[::2], fields[1::2], strict=True)}
    return Commit(sha, author, email, at, message.strip(), kinds)


def _need(sha: str, folder: Path) -> None:
    try:
        _git("cat-file", "-e", f"{sha}^{{commit}}", folder=folder)
    except TagshipError:
        cut_off = shallow(folder)
        hint = "fetch the whole history: `fetch-depth: 0` for actions/checkout, `git fetch --unshallow` elsewhere"
        raise SourceError(
            f"Commit {sha[:8]} is not in this {'shallow ' if cut_off else ''}clone.",
            hint=hint if cut_off else "fetch it, if it still exists",
        ) from None


def export(version: Version, copy: Path, folder: Path = HERE) -> Path:
    """Write the whole repository of a commit into a folder, like a checkout. Returns the project's folder there.

    Doesn't use `git archive`, which omits and rewrites files that .gitattributes marks for export.
    """
    top, _, prefix = _git("rev-parse", "--show-toplevel", "--show-prefix", folder=folder).partition("\n")
    index = {"GIT_INDEX_FILE": str(copy / ".tagship-index")}
    _git("read-tree", version.sha, folder=Path(top), env=index)
    _git("checkout-index", "--all", f"--prefix={copy}/", folder=Path(top), env=index)
    (copy / ".tagship-index").unlink()
    return copy / prefix.strip()


def _fingerprint(folder: Path) -> str:
    """Eight hex digits that change with any uncommitted change."""
    seen = hashlib.sha256(_git("diff", "HEAD", "--binary", "--", ".", folder=folder).encode(errors="surrogateescape"))
    for path in _git("ls-files", "--others", "--exclude-standard", "-z", "--", ".", folder=folder).split("\0"):
        if path:
            file = folder / path
            content = (
                str(file.readlink()).encode() if file.is_symlink() else file.read_bytes() if file.is_file() else b""
            )
            seen.update(path.encode() + b"\0" + content)
    return seen.hexdigest()[:8]


def _git(*argv: str, folder: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> str:
    try:
        return run(["git", *argv], cwd=folder, env=env, stdin=stdin, fails_as=SourceError).out
    except SourceError as error:
        if "not a git repository" not in error.problem:
            raise
        raise NoRepositoryError(
            f"{folder.resolve()} isn't in a git repository.",
            hint="run `git init`, `git add` and `git commit`: Tagship ships commits",
        ) from None
