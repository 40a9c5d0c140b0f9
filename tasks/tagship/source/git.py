"""What git knows of a commit: its SHA, its tree, and whether the work tree is that commit.

`folder` is the project's everywhere, which may be part of its repository; the current one if left out.
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
    """The project is in no git repository."""


def version(prefix: str = "", *, dirty: bool = False, folder: Path = HERE) -> Version:
    """The commit that `prefix` means unambiguously, or HEAD; with `dirty`, the work tree as it stands.

    Raises SourceError when there is no such commit or more than one.
    """
    if prefix and not re.fullmatch(r"[0-9a-f]{4,40}", prefix):
        raise SourceError(f"{prefix!r} is not a commit's SHA.", hint="give 4 to 40 hex digits")
    named = prefix or "HEAD"
    try:
        said = _git("rev-parse", f"{named}^{{commit}}", f"{named}^{{tree}}", folder=folder)
    except NoRepositoryError:
        raise
    except TagshipError:
        if not prefix:
            raise SourceError("This repository has no commit yet.", hint="git add, git commit") from None
        raise SourceError(f"There is no single commit {named} here.", hint="fetch it, or give more digits") from None
    sha, tree = said.split()
    if prefix and not sha.startswith(prefix):
        raise SourceError(
            f"{prefix} is the name of a branch or tag here, not a commit's.", hint="give the commit's SHA"
        )
    if dirty and not prefix and changes(folder):
        return Version(f"{sha}-dirty-{_fingerprint(folder)}", tree)
    return Version(sha, tree)


def changes(folder: Path = HERE) -> list[str]:
    """The paths below the project's folder that differ from HEAD, untracked ones included."""
    said = _git("status", "--porcelain", "--untracked-files=all", "--", ".", folder=folder)
    return [line[3:] for line in said.splitlines()]


def edited(paths: Iterable[str], folder: Path = HERE) -> list[str]:
    """Those of some paths that git keeps and that differ from HEAD."""
    named = tuple(paths)
    return _git("diff", "--name-only", "--relative", "HEAD", "--", *named, folder=folder).splitlines() if named else []


def files(version: Version, folder: Path = HERE) -> frozenset[str]:
    """The files of a commit below the project's folder; of a dirty tree, those that would be committed."""
    listing = (
        ("ls-files", "--cached", "--others", "--exclude-standard")
        if version.dirty
        else ("ls-tree", "-r", "--name-only")
    )
    named = () if version.dirty else (version.sha,)
    return frozenset(_git(*listing, "-z", *named, folder=folder).split("\0"))


def head(folder: Path = HERE) -> str:
    """HEAD's SHA; empty outside a repository."""
    try:
        return _git("rev-parse", "HEAD", folder=folder).strip()
    except TagshipError:
        return ""


def is_ancestor(sha: str, tip: str, folder: Path = HERE) -> bool:
    """Whether a commit is another one or an ancestor of it, as far as this clone knows."""
    try:
        _git("--no-replace-objects", "merge-base", "--is-ancestor", sha, tip, folder=folder)
    except TagshipError:
        return False
    return True


def branch(folder: Path = HERE) -> str:
    """The branch checked out; in GitHub Actions the one of the run. Empty on a detached HEAD."""
    return os.environ.get("GITHUB_REF_NAME") or _git("branch", "--show-current", folder=folder).strip()


def committed_at(version: Version, folder: Path = HERE) -> str:
    """The commit's own time, ISO 8601: the same image gets the same `created` label, wherever it is built."""
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
    """One commit as Sentry takes it. `at` is ISO 8601; `files` maps a path to A, M or D."""

    id: str
    author: str
    email: str
    at: str
    message: str
    files: Mapping[str, str]


def commits(since: str, sha: str, most: int, folder: Path = HERE) -> list[Commit]:
    """Those in `sha` and not in `since`, newest first; the newest `most` when `since` is empty.

    Raises SourceError, saying what to do in a shallow clone, when `since` isn't in this repository.
    """
    for needed in (sha, since) if since else (sha,):
        _need(needed, folder)
    form = "%x01%H%x00%an%x00%ae%x00%cI%x00%B%x00"
    wanted = f"{since}..{sha}" if since else sha
    options = ("--no-show-signature", "--name-status", "--no-renames", f"--max-count={most}")
    said = _git("log", "-z", f"--format={form}", *options, wanted, "--", folder=folder)
    return [_commit(*part.split("\0")) for part in re.split("\x01(?=[0-9a-f]{40}\0)", said)[1:]]


def shallow(folder: Path = HERE) -> bool:
    """Whether this clone's history was cut off."""
    return _git("rev-parse", "--is-shallow-repository", folder=folder).strip() == "true"


def _commit(sha: str, author: str, email: str, at: str, message: str, *rest: str) -> Commit:
    """Git ends a commit's own part with an empty field, and a file's status and path stand in turn."""
    fields = [field.strip("\n") for field in rest if field.strip("\n")]
    kinds = {path: kind if kind in {"A", "D"} else "M" for kind, path in zip(fields[::2], fields[1::2], strict=True)}
    return Commit(sha, author, email, at, message.strip(), kinds)


def _need(sha: str, folder: Path) -> None:
    try:
        _git("cat-file", "-e", f"{sha}^{{commit}}", folder=folder)
    except TagshipError:
        cut_off = shallow(folder)
        hint = "fetch all of it: `fetch-depth: 0` for actions/checkout, `git fetch --unshallow` elsewhere"
        raise SourceError(
            f"Commit {sha[:8]} is not in this {'shallow ' if cut_off else ''}clone.",
            hint=hint if cut_off else "fetch it, if it still exists",
        ) from None


def export(version: Version, copy: Path, folder: Path = HERE) -> Path:
    """Write the whole repository of a commit into a folder, as a checkout would. Returns the project's folder there.

    Not `git archive`: that leaves out and rewrites what .gitattributes says of exports, and a checkout doesn't.
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


def _git(*argv: str, folder: Path, env: Mapping[str, str] | None = None) -> str:
    try:
        return run(["git", *argv], cwd=folder, env=env, fails_as=SourceError).out
    except SourceError as error:
        if "not a git repository" not in error.problem:
            raise
        raise NoRepositoryError(
            f"{folder.resolve()} is in no git repository.",
            hint="what is shipped is a commit: git init, git add, commit",
        ) from None
