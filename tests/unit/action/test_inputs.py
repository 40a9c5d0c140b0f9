"""Ambiguous inputs are refused."""

from pathlib import Path

import pytest

from action import inputs
from action.errors import ActionError

ATTACKS = [
    "; rm -rf /",
    "$(id)",
    "`id`",
    "a && b",
    "a | b",
    "a > b",
    "deploy\n::set-output name=x::y",
    "a\x00b",
    "a\rb",
]


def read(workspace: Path, **given: str) -> inputs.Inputs:
    told = {f"INPUT_{name.upper()}": value for name, value in given.items()}
    return inputs.read({"GITHUB_WORKSPACE": str(workspace), **told})


def test_everything_is_optional(tmp_path: Path) -> None:
    given = read(tmp_path)

    assert given.run == ("ship",)
    assert given.folder == tmp_path.resolve()
    assert given.summary


def test_run_names_tasks_as_at_the_shell(tmp_path: Path) -> None:
    assert read(tmp_path, run="rollback --to 1a2b3c4d\n").run == ("rollback", "--to", "1a2b3c4d")


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", ["run", "environment", "sha", "digests", "allow_unprotected", "summary", "ssh_key"])
def test_an_attack_in_any_input_is_refused(tmp_path: Path, name: str, attack: str) -> None:
    with pytest.raises(ActionError, match=name.replace("_", "-")):
        read(tmp_path, **{name: attack})


@pytest.mark.parametrize("attack", [*ATTACKS, "..", "/etc", "a/../.."])
def test_the_folder_is_inside_the_workspace(tmp_path: Path, attack: str) -> None:
    with pytest.raises(ActionError, match="working-directory"):
        read(tmp_path, working_directory=attack)


def test_a_link_does_not_lead_out_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")

    with pytest.raises(ActionError, match="working-directory"):
        read(tmp_path, working_directory="out")
    with pytest.raises(ActionError, match="config"):
        read(tmp_path, config="out/passwd")


def test_a_registry_password_without_a_user_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="registry-username"):
        read(tmp_path, registry_password="secret")  # noqa: S106 - a test's


def test_a_key_gets_unix_line_ends_and_stays_out_of_the_repr(tmp_path: Path) -> None:
    given = read(tmp_path, ssh_key="-----BEGIN OPENSSH PRIVATE KEY-----\r\nabc\r\n-----END OPENSSH PRIVATE KEY-----")

    assert given.ssh_key.endswith("KEY-----\n")
    assert "\r" not in given.ssh_key
    assert "abc" not in repr(given)


def test_digests_are_what_a_push_put_out(tmp_path: Path) -> None:
    pushed = '{"web": "registry.example.com/a/web@sha256:' + "0" * 64 + '"}'

    assert read(tmp_path, digests=pushed).digests == pushed
    with pytest.raises(ActionError, match="digests"):
        read(tmp_path, digests='{"web": "registry.example.com/a/web:latest"}')
