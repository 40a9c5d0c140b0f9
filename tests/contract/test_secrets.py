"""What every store of secrets does: files, programs, a real Vault, and moto's server in place of AWS."""

from pathlib import Path

import pytest

from tagship.errors import SecretsError
from tagship.secret import Secret
from tagship.variables import secrets as stored
from tagship.variables.store import WritableStore
from tests import secret_stores as kinds
from tests.rig import Rig
from tests.secret_stores import Backing

VALUES = {
    "plain": "plain-4711",
    "dollars and quotes": """p$w${X}$$ "it's" `id` \\n #""",
    "lines": "-----BEGIN KEY-----\nMIIE\n  indented = yes\n-----END KEY-----\n",
    "one line break": "\n",
    "short": "x",
    "unicode": "пароль🔑\u2028é",
    "spaces": "  around  ",
    "64 KiB": "0123456789abcdef" * 4096,
    "empty": "",
}
KINDS = ["env", "dotenv", "command", "vault-2", "vault-1", "aws-sm", "aws-sm-each", "aws-ssm", "sops-yaml", "sops-json"]


def made(kind: str, request: pytest.FixtureRequest) -> Backing:
    """What is behind a kind of store, empty."""
    folder: Path = request.getfixturevalue("tmp_path")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    name, _, form = kind.partition("-")
    if name == "vault":
        rig: Rig = request.getfixturevalue("rig")
        return kinds.Kv(folder, rig.vault, {"1": "old", "2": "secret"}[form], patch)
    if name == "aws":
        of: dict[str, type[kinds.OneSecret | kinds.ManySecrets | kinds.Parameters]] = {
            "sm": kinds.OneSecret, "sm-each": kinds.ManySecrets, "ssm": kinds.Parameters
        }  # fmt: skip
        return of[form](folder, request.getfixturevalue("aws_url"), patch)
    if name == "sops":
        return kinds.Sops(folder, patch, form)
    if name == "env":
        return kinds.Environment(folder, patch)
    return kinds.Dotenv(folder) if name == "dotenv" else kinds.Command(folder)


@pytest.fixture(params=KINDS)
def backing(request: pytest.FixtureRequest) -> Backing:
    """What is behind each kind of store, empty."""
    return made(request.param, request)


@pytest.fixture(params=[kind for kind in KINDS if kind not in {"env", "command"}])
def writable(request: pytest.FixtureRequest) -> Backing:
    """The same, of those that can be written to."""
    return made(request.param, request)


def revealed(backing: Backing, *wanted: str) -> dict[str, str]:
    """The values that the store has."""
    return {name: found.value.reveal() for name, found in backing.store().read(frozenset(wanted)).items()}


def test_gives_back_every_shape_of_value_unchanged(backing: Backing) -> None:
    held = {f"NAME_{at}": value for at, (shape, value) in enumerate(VALUES.items()) if shape not in backing.unfit}
    backing.fill(held)

    assert revealed(backing, *held) == held


def test_gives_only_what_was_asked_for_and_leaves_out_what_it_lacks(backing: Backing) -> None:
    backing.fill({"WANTED": "a", "OTHER": "b"})

    assert revealed(backing, "WANTED", "MISSING") == {"WANTED": "a"}


def test_shows_no_value_in_what_it_returns(backing: Backing) -> None:
    backing.fill({"WANTED": "plain-battery-staple"})

    found = backing.store().read(frozenset({"WANTED"}))

    assert "battery-staple" not in f"{found} {found['WANTED']!r}"


def test_asks_for_more_names_than_fit_one_request(backing: Backing) -> None:
    held = {f"NAME_{at}": f"value {at}" for at in range(23)}
    backing.fill(held)

    assert revealed(backing, *held) == held


def test_a_nul_which_no_variable_can_hold_is_refused_without_the_value(backing: Backing) -> None:
    if "nul" in backing.unfit:
        pytest.skip("it can't hold one")
    backing.fill({"WANTED": "sec\0ret"})

    with pytest.raises(SecretsError, match="NUL") as caught:
        backing.store().read(frozenset({"WANTED"}))

    assert "sec" not in caught.value.problem.replace("secret", "").replace("Secret", "")


def test_numbers_are_as_json_writes_them_and_what_is_no_text_is_refused(backing: Backing) -> None:
    if not backing.typed:
        pytest.skip("it holds only text")
    backing.fill({"PORT": 8080, "YES": True, "LIST": ["sesame"]})

    assert revealed(backing, "PORT", "YES") == {"PORT": "8080", "YES": "true"}
    with pytest.raises(SecretsError, match=r"LIST in .* is a list") as caught:
        backing.store().read(frozenset({"LIST"}))
    assert "sesame" not in str(caught.value)


def test_knows_the_version_and_the_time_of_a_change_where_the_store_counts_them(backing: Backing) -> None:
    backing.fill({"WANTED": "a"})

    found = backing.store().read(frozenset({"WANTED"}))["WANTED"]

    assert found.changed is None or found.changed.tzinfo is not None
    assert bool(found.version) == any(kind in backing.uri for kind in ("aws", "vault://secret"))


def test_writes_one_secret_and_keeps_the_others(writable: Backing) -> None:
    writable.fill({"KEPT": "a$b 'c'", "CHANGED": "old"})
    store = writable.store()
    assert isinstance(store, WritableStore)

    store.write("CHANGED", Secret("new"))
    store.write("ADDED", Secret("added"))

    assert revealed(writable, "KEPT", "CHANGED", "ADDED") == {"KEPT": "a$b 'c'", "CHANGED": "new", "ADDED": "added"}


def test_reads_back_every_shape_that_it_wrote(writable: Backing) -> None:
    writable.fill({"FIRST": "x"})
    store = writable.store()
    assert isinstance(store, WritableStore)
    held = {f"NAME_{at}": value for at, (shape, value) in enumerate(VALUES.items()) if shape not in writable.unfit}

    for name, value in held.items():
        store.write(name, Secret(value))

    assert revealed(writable, *held) == held


def test_a_version_that_was_written_is_the_one_that_is_read(writable: Backing) -> None:
    writable.fill({"NAME": "old"})
    store = writable.store()
    assert isinstance(store, WritableStore)

    version = store.write("NAME", Secret("new"))

    assert store.read(frozenset({"NAME"}))["NAME"].version == version


def test_several_stores_are_asked_at_once_and_the_last_one_that_has_a_name_counts(
    request: pytest.FixtureRequest,
) -> None:
    first, last = made("aws-sm", request), made("dotenv", request)
    first.fill({"BOTH": "a", "FIRST": "a"})
    last.fill({"BOTH": "b"})

    found = stored.read([first.uri, last.uri], ["BOTH", "FIRST"], last.folder)

    assert {name: given.value.reveal() for name, given in found.items()} == {"BOTH": "b", "FIRST": "a"}
    assert (found["BOTH"].origin, found["BOTH"].overridden) == (last.uri, (first.uri,))
