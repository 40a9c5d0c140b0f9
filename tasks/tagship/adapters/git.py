"""What git knows of a commit: its SHA, its tree, and whether the work tree is that commit."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tagship.adapters.programs import run
from tagship.errors import SourceError, TagshipError
from tagship.model import Version


def version(prefix: str = "", *, dirty: bool = False) -> Version:
    """The commit that `prefix` means unambiguously, or HEAD; with `dirty`, the work tree as it stands.

    Raises SourceError when there is no such commit or more than one.
    """
    if prefix and not re.fullmatch(r"[0-9a-f]{4,40}", prefix):
        raise SourceError(f"{prefix!r} is not a commit's SHA.", hint="give 4 to 40 hex digits")
    named = prefix or "HEAD"
    try:
        said = _git("rev-parse", f"{named}^{{commit}}", f"{named}^{{tree}}")
    except TagshipError:
        raise SourceError(f"There is no single commit {named} here.", hint="fetch it, or give more digits") from None
    sha, tree = said.split()
    if prefix and not sha.startswith(prefix):
        raise SourceError(
            f"{prefix} is the name of a branch or tag here, not a commit's.", hint="give the commit's SHA"
        )
    if dirty and not prefix and changes():
        return Version(f"{sha}-dirty-{_fingerprint()}", tree)
    return Version(sha, tree)


def changes() -> list[str]:
    """The paths below here that differ from HEAD, untracked ones included."""
    return [line[3:] for line in _git("status", "--porcelain", "--untracked-files=all", "--", ".").splitlines()]


def files(version: Version) -> frozenset[str]:
    """The files of a commit below here; of a dirty tree, those that would be committed."""
    listing = (
        ("ls-files", "--cached", "--others", "--exclude-standard")
        if version.dirty
        else ("ls-tree", "-r", "--name-only")
    )
    named = () if version.dirty else (version.sha,)
    return frozenset(_git(*listing, "-z", *named).split("\0"))


def head() -> str:
    """HEAD's SHA; empty outside a repository."""
    try:
        return _git("rev-parse", "HEAD").strip()
    except TagshipError:
        return ""


def branch() -> str:
    """The branch checked out; in GitHub Actions the one of the run. Empty on a detached HEAD."""
    return os.environ.get("GITHUB_REF_NAME") or _git("branch", "--show-current").strip()


def committed_at(version: Version) -> str:
    """The commit's own time, ISO 8601: the same image gets the same `created` label, wherever it is built."""
    return _git("show", "-s", "--format=%cI", version.sha).strip()


def remote() -> str:
    """The repository's web address for OCI's `source` label, without credentials; empty without a remote."""
    try:
        url = _git("remote", "get-url", "origin").strip()
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


def commits(since: str, sha: str, most: int) -> list[Commit]:
    """Those in `sha` and not in `since`, newest first; the newest `most` when `since` is empty.

    Raises SourceError, saying what to do in a shallow clone, when `since` isn't in this repository.
    """
    for needed in (sha, since) if since else (sha,):
        _need(needed)
    form = "%x01%H%x00%an%x00%ae%x00%cI%x00%B%x00"
    wanted = f"{since}..{sha}" if since else sha
    options = ("--no-show-signature", "--name-status", "--no-renames", f"--max-count={most}")
    said = _git("log", "-z", f"--format={form}", *options, wanted, "--")
    return [_commit(*part.split("\0")) for part in re.split("\x01(?=[0-9a-f]{40}\0)", said)[1:]]


def shallow() -> bool:
    """Whether this clone's history was cut off."""
    return _git("rev-parse", "--is-shallow-repository").strip() == "true"


def _commit(sha: str, author: str, email: str, at: str, message: str, *rest: str) -> Commit:
    """Git ends a commit's own part with an empty field, and a file's status and path stand in turn."""
    fields = [field.strip("\n") for field in rest if field.strip("\n")]
    kinds = {path: kind if kind in {"A", "D"} else "M" for kind, path in zip(fields[::2], fields[1::2], strict=True)}
    return Commit(sha, author, email, at, message.strip(), kinds)


def _need(sha: str) -> None:
    try:
        _git("cat-file", "-e", f"{sha}^{{commit}}")
    except TagshipError:
        cut_off = shallow()
        hint = "fetch all of it: `fetch-depth: 0` for actions/checkout, `git fetch --unshallow` elsewhere"
        raise SourceError(
            f"Commit {sha[:8]} is not in this {'shallow ' if cut_off else ''}clone.",
            hint=hint if cut_off else "fetch it, if it still exists",
        ) from None


def export(version: Version, folder: Path) -> None:
    """Write the files of a commit, below the current directory, into a folder."""
    archive = folder / "source.tar"
    _git("archive", "--format=tar", f"--output={archive}", version.sha, ".")
    run(["tar", "-xf", str(archive), "-C", str(folder)], fails_as=SourceError)
    archive.unlink()


def _fingerprint() -> str:
    """Eight hex digits that change with any uncommitted change."""
    seen = hashlib.sha256(_git("diff", "HEAD", "--binary", "--", ".").encode(errors="surrogateescape"))
    for path in _git("ls-files", "--others", "--exclude-standard", "-z", "--", ".").split("\0"):
        if path:
            file = Path(path)
            content = (
                str(file.readlink()).encode() if file.is_symlink() else file.read_bytes() if file.is_file() else b""
            )
            seen.update(path.encode() + b"\0" + content)
    return seen.hexdigest()[:8]


def _git(*argv: str) -> str:
    return run(["git", *argv], fails_as=SourceError).out
