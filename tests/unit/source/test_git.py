"""What git knows of a commit."""

from pathlib import Path

import pytest

from tagship.errors import SourceError
from tagship.names import Version
from tagship.source import git
from tests.fakes.repositories import Repository


def test_the_commit_meant_is_the_one_checked_out(repository: Repository) -> None:
    found = git.version()

    assert found == Version(repository.first, repository.run("rev-parse", "HEAD^{tree}"))
    assert git.head() == repository.first


def test_any_prefix_that_means_one_commit_will_do(repository: Repository) -> None:
    repository.commit("another")

    assert git.version(repository.first[:7]).sha == repository.first
    assert git.version(repository.first).sha == repository.first


def test_the_same_content_committed_twice_is_the_same_tree(repository: Repository) -> None:
    again = repository.commit("a merge")

    assert git.version(again).tree == git.version(repository.first).tree


@pytest.mark.parametrize(
    "hostile", ["--foo", "-n1", "HEAD", "main", "HEAD~1", "abc", "a" * 41, "ABCDEF", "$(id)", "dead\n", "v1^{}"]
)
@pytest.mark.usefixtures("repository")
def test_what_is_no_sha_never_reaches_git(hostile: str) -> None:
    with pytest.raises(SourceError, match="is not a commit's SHA"):
        git.version(hostile)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("unknown", ["0000", "0" * 40])
def test_a_commit_that_is_not_here_says_so(unknown: str) -> None:
    with pytest.raises(SourceError, match=f"no single commit {unknown} here"):
        git.version(unknown)


def test_a_branch_whose_name_looks_like_a_sha_is_not_taken_for_one(repository: Repository) -> None:
    repository.run("branch", "beefbeef")

    with pytest.raises(SourceError, match="name of a branch or tag"):
        git.version("beefbeef")


def test_a_folder_that_is_no_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert git.head() == ""
    with pytest.raises(SourceError, match=r"isn't in a git repository") as caught:
        git.version()
    assert "git init" in caught.value.hint


def test_a_repository_without_a_commit_says_so(repository: Repository) -> None:
    repository.run("checkout", "-q", "--orphan", "new")

    with pytest.raises(SourceError, match="no commit yet"):
        git.version()


def test_changes_are_edits_and_untracked_files_but_not_ignored_ones(repository: Repository) -> None:
    repository.write(".gitignore", "*.log\n")
    repository.commit()
    assert git.changes() == []

    repository.write("app.py", "print(2)\n")
    repository.write("new/file.py", "")
    repository.write("x.log", "")

    assert sorted(git.changes()) == ["app.py", "new/file.py"]


def test_a_dirty_tree_has_a_version_of_its_own_that_changes_with_it(repository: Repository) -> None:
    clean = git.version(dirty=True)
    versions = [clean.tag]
    repository.write("app.py", "print(2)\n")
    versions.append(git.version(dirty=True).tag)
    repository.write("app.py", b"print('\xe9\xff\x00')\n")
    versions.append(git.version(dirty=True).tag)
    new = repository.write("new.py", "1")
    versions.append(git.version(dirty=True).tag)
    new.write_text("2")
    versions.append(git.version(dirty=True).tag)

    assert not clean.dirty
    assert len(set(versions)) == len(versions)
    assert all(tag.startswith(repository.first) for tag in versions)
    assert git.version(dirty=True).tag == versions[-1]


def test_a_named_commit_is_that_commit_however_dirty_the_tree_is(repository: Repository) -> None:
    repository.write("app.py", "print(2)\n")

    assert git.version(repository.first, dirty=True).tag == repository.first


def test_untracked_links_do_not_stop_a_dirty_deploy(repository: Repository) -> None:
    (repository.folder / "to-a-folder").symlink_to("/tmp")  # noqa: S108 - never written to
    (repository.folder / "to-nowhere").symlink_to("nowhere")

    assert git.version(dirty=True).dirty


def test_a_commit_has_the_files_it_holds(repository: Repository) -> None:
    repository.write("conf/ä b.env", "A=1")
    held = repository.commit()
    repository.write("later.env", "")
    repository.write(".gitignore", "*.secret\n")
    repository.write("x.secret", "")

    assert git.files(git.version(held)) >= {"app.py", "conf/ä b.env"}
    assert "later.env" not in git.files(git.version(held))
    assert {"later.env", "app.py"} <= git.files(git.version(dirty=True))
    assert "x.secret" not in git.files(git.version(dirty=True))


def test_exports_a_commits_files_as_they_were(repository: Repository, tmp_path: Path) -> None:
    repository.write("app.py", "print(2)\n")
    repository.write("sub/x", "y")
    repository.commit()
    folder = tmp_path / "out"
    folder.mkdir()

    git.export(git.version(repository.first), folder)

    assert [path.name for path in folder.iterdir()] == ["app.py"]
    assert (folder / "app.py").read_text() == "print(1)\n"


def test_below_the_top_only_what_is_below_counts_from_whatever_folder_it_is_asked(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("shop/app.py", "1")
    sha = repository.commit()
    repository.write("elsewhere.py", "")
    shop = repository.folder / "shop"
    copy = tmp_path / "out"
    copy.mkdir()
    monkeypatch.chdir(tmp_path)

    assert git.version(folder=shop).sha == git.head(shop) == sha
    assert git.branch(shop) == "main"
    assert [path.name for path in git.export(git.version(sha, folder=shop), copy, shop).iterdir()] == ["app.py"]
    assert git.changes(shop) == []
    assert git.files(git.version(sha, folder=shop), shop) == {"app.py", ""}


def test_a_copy_is_what_a_checkout_would_be_whatever_gitattributes_says_of_exports(
    repository: Repository, tmp_path: Path
) -> None:
    repository.write(".gitattributes", "left-out export-ignore\nversion export-subst\n")
    repository.write("left-out", "x")
    repository.write("version", "$Format:%H$")
    repository.commit()
    copy = tmp_path / "out"
    copy.mkdir()

    git.export(git.version(), copy)

    assert sorted(path.name for path in copy.iterdir()) == [".gitattributes", "app.py", "left-out", "version"]
    assert (copy / "version").read_text() == "$Format:%H$"
    assert git.changes() == []


def test_a_commit_has_its_own_time_wherever_it_is_built(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-02T03:04:05+01:00")
    sha = repository.commit()

    assert git.committed_at(git.version(sha)) == "2026-01-02T03:04:05+01:00"


def test_the_branch_is_the_one_checked_out_or_the_runs(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REF_NAME", raising=False)
    assert git.branch() == "main"

    repository.run("checkout", "-q", "--detach")
    assert git.branch() == ""

    monkeypatch.setenv("GITHUB_REF_NAME", "staging")
    assert git.branch() == "staging"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/shop/app.git", "https://github.com/shop/app"),
        ("https://user:t0ken@github.com/shop/app", "https://github.com/shop/app"),
        ("git@github.com:shop/app.git", "https://github.com/shop/app"),
        ("ssh://git@example.com:22/shop/app.git", "ssh://example.com:22/shop/app"),
    ],
)
def test_the_remote_is_named_without_anybodys_credentials(repository: Repository, url: str, address: str) -> None:
    repository.run("remote", "add", "origin", url)

    assert git.remote() == address


@pytest.mark.usefixtures("repository")
def test_there_may_be_no_remote() -> None:
    assert git.remote() == ""


def test_the_commits_of_a_release_are_those_since_the_one_before_it(repository: Repository) -> None:
    repository.write("new.py", "x")
    repository.write("app.py", "y")
    second = repository.commit("Add a file\n\nFor a reason.")
    third = repository.commit("nothing changed")

    newest, older = git.commits(repository.first, third, 9)

    assert (newest.id, newest.files) == (third, {})
    assert (older.id, older.author, older.email) == (second, "T", "t@example.com")
    assert older.message == "Add a file\n\nFor a reason."
    assert older.files == {"app.py": "M", "new.py": "A"}


def test_a_first_release_brings_only_the_newest_commits(repository: Repository) -> None:
    repository.commit("second")

    assert [commit.message for commit in git.commits("", git.head(), 1)] == ["second"]


def test_an_older_commit_brings_none(repository: Repository) -> None:
    newer = repository.commit("second")

    assert git.commits(newer, repository.first, 9) == []


def test_names_with_any_character_survive(repository: Repository) -> None:
    repository.write("naïve file\twith a tab.py", "x")
    repository.commit("add")

    (commit,) = git.commits(repository.first, git.head(), 9)

    assert commit.files == {"naïve file\twith a tab.py": "A"}


def test_a_file_that_became_a_link_is_a_changed_one_as_sentry_knows_no_other_word(repository: Repository) -> None:
    (repository.folder / "app.py").unlink()
    (repository.folder / "app.py").symlink_to("elsewhere")
    repository.commit("link \x01")

    (commit,) = git.commits(repository.first, git.head(), 9)

    assert (commit.files, commit.message) == ({"app.py": "M"}, "link \x01")


def test_a_commit_that_was_never_fetched_is_said_with_what_to_do(repository: Repository) -> None:
    with pytest.raises(SourceError, match="is not in this clone"):
        git.commits("c" * 40, repository.first, 9)

    repository.write(".git/shallow", f"{repository.first}\n")
    with pytest.raises(SourceError, match="fetch-depth: 0"):
        git.commits("c" * 40, repository.first, 9)


def test_git_names_what_it_tracks_and_what_it_would_ignore(repository: Repository, tmp_path: Path) -> None:
    repository.write(".gitignore", ".env*\n")

    assert git.tracked() == frozenset({"app.py"})
    assert git.ignored([".env.local", "tagship.yml"]) == {".env.local"}
    assert git.ignored(["tagship.yml"]) == frozenset()
    assert git.tracked(tmp_path) is None
