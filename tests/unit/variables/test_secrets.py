"""Secrets come from one store or several, and who has which value is known."""

import sys
import time
from pathlib import Path

import pytest

from tagship.errors import ConfigError, SecretsError
from tagship.secret import Secret
from tagship.system import programs
from tagship.system.parallel import together
from tagship.variables import files, secrets
from tagship.variables.store import WritableStore

NEW = {"PLAIN": "p", "DOLLAR": "a$b${C} # no comment", "QUOTES": 'so "it" is', "UMLAUT": "päß⟦x⟧", "LONG": "x" * 65536}


def read(folder: Path, *uris: str, wanted: object = ("DB",)) -> dict[str, str]:
    """What the stores have, as text."""
    assert isinstance(wanted, tuple)
    return {name: value.reveal() for name, value in secrets.values(uris, wanted, folder).items()}


def dotenv(folder: Path, text: str, mode: int = 0o600) -> Path:
    """A file of secrets."""
    file = folder / ".env.secret"
    file.write_text(text)
    file.chmod(mode)
    return file


def printing(folder: Path, text: str, *, code: int = 0, stderr: str = "") -> str:
    """The URI of a program that prints this."""
    (folder / "out").write_text(text)
    script = f"import sys; sys.stdout.write(open('out').read()); sys.stderr.write({stderr!r}); sys.exit({code})"
    (folder / "print.py").write_text(script)
    return f"command://{sys.executable} print.py"


def test_the_environment_has_them_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"DB": "d\n$x", "EMPTY": "", "OTHER": "o"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ABSENT", raising=False)

    assert read(tmp_path, "env://", wanted=("DB", "EMPTY", "ABSENT")) == {"DB": "d\n$x", "EMPTY": ""}


def test_a_prefix_tells_environments_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAGING_DB", "s")
    monkeypatch.setenv("DB", "p")

    assert read(tmp_path, "env://STAGING_") == {"DB": "s"}


@pytest.mark.parametrize(
    "uri", ["", "envy://", "file:///etc/passwd", "env://NOT-A-PREFIX", "command://", "command://'x"]
)
def test_a_uri_that_means_nothing_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="secrets"):
        read(tmp_path, uri)


@pytest.mark.parametrize("name", ["HOME", "USER", "PATH", "LANG", "PWD", "TERM"])
def test_a_login_shells_own_variables_are_no_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    monkeypatch.setenv(name, "the deployer's own")

    assert read(tmp_path, "env://", wanted=(name,)) == {}


def test_with_a_prefix_even_those_names_are_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAGING_USER", "app")

    assert read(tmp_path, "env://STAGING_", wanted=("USER",)) == {"USER": "app"}


def test_later_stores_override_earlier_ones_and_it_is_known_which(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"DB": "old", "KEY": "same", "ONLY": "here"}.items():
        monkeypatch.setenv(name, value)
    dotenv(tmp_path, "DB=new\nKEY=same\n")

    found = secrets.read(["env://", "dotenv://.env.secret"], ["DB", "KEY", "ONLY"], tmp_path)

    assert {name: (given.value, given.origin, given.overridden) for name, given in found.items()} == {
        "DB": (Secret("new"), "dotenv://.env.secret", ("env://",)),
        "KEY": (Secret("same"), "dotenv://.env.secret", ()),
        "ONLY": (Secret("here"), "env://", ()),
    }


def test_when_a_store_fails_the_others_may_still_log_out(tmp_path: Path) -> None:
    script = "import pathlib, time; time.sleep(0.2); pathlib.Path('out').touch(); print('{}')"
    (tmp_path / "slow.py").write_text(script)

    with pytest.raises(SecretsError, match=r"\.env\.none"):
        read(tmp_path, f"command://{sys.executable} slow.py", "dotenv://.env.none")

    assert (tmp_path / "out").exists()


def test_a_store_that_takes_longer_does_not_delay_anothers_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "BRIEFLY", 0.05)
    (tmp_path / "slow.py").write_text("import time; time.sleep(2)")
    begun = time.monotonic()

    with pytest.raises(SecretsError, match=r"\.env\.none"):
        read(tmp_path, f"command://{sys.executable} slow.py", "dotenv://.env.none")

    assert time.monotonic() - begun < 1


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    dotenv(tmp_path, "DB=x\n", 0o640)

    with pytest.raises(SecretsError, match=r"Others may read \.env\.secret") as caught:
        read(tmp_path, "dotenv://.env.secret")

    assert "chmod 600" in caught.value.hint


def test_a_file_that_git_tracks_is_refused(tmp_path: Path) -> None:
    dotenv(tmp_path, "DB=x\n")
    programs.run(["git", "init", "-q", str(tmp_path)])
    assert read(tmp_path, "dotenv://.env.secret") == {"DB": "x"}
    programs.run(["git", "-C", str(tmp_path), "add", ".env.secret"])

    with pytest.raises(SecretsError, match=r"git tracks \.env\.secret"):
        read(tmp_path, "dotenv://.env.secret")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match=r"\.env\.none: No such file"):
        read(tmp_path, "dotenv://.env.none")


def test_a_program_prints_an_object_or_plain_lines(tmp_path: Path) -> None:
    assert read(tmp_path, printing(tmp_path, '{"DB": "a\\nb", "N": 5}'), wanted=("DB", "N")) == {"DB": "a\nb", "N": "5"}
    assert read(tmp_path, printing(tmp_path, "# c\nexport DB='a b'\nX=y\n")) == {"DB": "a b"}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("[1]", "holds no JSON object"),
        ('{"DB": ', "isn't JSON"),
        ('{"DB": {"a": 1}}', "DB in .* is an object"),
        ('{"DB": null}', "DB in .* is null"),
        ('{"DB": "a\\u0000b"}', "DB in .* has a NUL character"),
        ('A=1\nDB="sEcr3t$x"\n', "Line 2 of what"),
    ],
)
def test_what_no_variable_can_hold_is_refused_without_showing_it(said: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match=problem) as caught:
        read(tmp_path, printing(tmp_path, said))

    assert "sEcr3t" not in str(caught.value)


def test_a_program_that_fails_is_quoted_by_its_stderr_alone(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match="session expired") as caught:
        read(tmp_path, printing(tmp_path, "DB=sEcr3t", code=3, stderr="session expired\n"))

    assert "sEcr3t" not in f"{caught.value}{caught.value.output}"


def test_what_a_file_was_given_it_has_whatever_is_in_it_and_keeps_the_rest(tmp_path: Path) -> None:
    file = dotenv(tmp_path, "# ours\nOTHER=kept\nexport PLAIN=old\nPLAIN=older")
    store = secrets.open_store("dotenv://.env.secret", tmp_path)
    assert isinstance(store, WritableStore)

    for name, value in NEW.items():
        store.write(name, Secret(value))

    assert read(tmp_path, store.uri, wanted=(*NEW, "OTHER")) == {**NEW, "OTHER": "kept"}
    assert file.read_text().startswith("# ours\nOTHER=kept\n")
    assert file.read_text().count("PLAIN=") == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".env.secret"]


def test_a_file_that_cant_be_changed_line_by_line_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = dotenv(tmp_path, "DB='a\nOTHER=b'\n")
    monkeypatch.setattr(files, "read", lambda paths, _: {"DB": "a\nOTHER=b"} if str(file) in paths else {"OTHER": "b'"})
    store = secrets.open_store("dotenv://.env.secret", tmp_path)
    assert isinstance(store, WritableStore)

    with pytest.raises(SecretsError, match="line by line"):
        store.write("DB", Secret("new"))

    assert file.read_text() == "DB='a\nOTHER=b'\n"
    assert [path.name for path in tmp_path.iterdir()] == [".env.secret"]


def test_a_symbolic_link_stays_one_and_what_is_left_of_a_kill_is_removed(tmp_path: Path) -> None:
    file = dotenv(tmp_path, "DB=old\n")
    (tmp_path / "link").symlink_to(file)
    (tmp_path / ".env.tagship-writes.secret").write_text("DB=old\n")
    store = secrets.open_store("dotenv://link", tmp_path)
    assert isinstance(store, WritableStore)

    store.write("DB", Secret("new"))

    assert read(tmp_path, "dotenv://.env.secret") == {"DB": "new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env.secret", "link"]
    assert (tmp_path / "link").is_symlink()


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    dotenv(tmp_path, "")

    def write(name: str) -> None:
        store = secrets.open_store("dotenv://.env.secret", tmp_path)
        assert isinstance(store, WritableStore)
        store.write(name, Secret("x"))

    names = tuple(f"NAME_{at}" for at in range(8))
    together(write, names)

    assert read(tmp_path, "dotenv://.env.secret", wanted=names) == dict.fromkeys(names, "x")


def test_a_link_to_a_file_that_git_tracks_is_refused_and_so_is_git_that_cant_tell(tmp_path: Path) -> None:
    dotenv(tmp_path, "DB=x\n")
    outside = tmp_path.parent / f"{tmp_path.name}-link"
    outside.symlink_to(tmp_path / ".env.secret")
    programs.run(["git", "init", "-q", str(tmp_path)])
    programs.run(["git", "-C", str(tmp_path), "add", ".env.secret"])
    with pytest.raises(SecretsError, match="git tracks"):
        read(tmp_path, f"dotenv://{outside}")

    (tmp_path / ".git" / "index").write_text("broken")
    with pytest.raises(SecretsError, match="git:"):
        read(tmp_path, "dotenv://.env.secret")
