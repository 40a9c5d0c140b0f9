"""A program of the app's judges the SQL of migrations."""

from pathlib import Path

from tagship.checks.migration_lint import findings
from tagship.migrations.inspection import Change
from tagship.project.migration_settings import MigrationLint

ADD, DROP = Change("shop.0002", sql="ALTER TABLE a ADD b int;"), Change("shop.0003", sql="ALTER TABLE a DROP b;")
FINDS_DROPS = """sh -c 'grep -n "DROP" | sed "s/^/$MIGRATION /"; exit 1'"""


def said(command: str, folder: Path, *changes: Change) -> list[str]:
    """The findings of a command."""
    return list(findings(MigrationLint(run=command), changes, folder))


def test_it_reads_each_migrations_sql_and_knows_its_name(tmp_path: Path) -> None:
    assert said(FINDS_DROPS, tmp_path, DROP) == ["shop.0003: shop.0003 1:ALTER TABLE a DROP b;"]


def test_exit_code_0_means_that_nothing_was_found(tmp_path: Path) -> None:
    assert said("echo all is well", tmp_path, ADD, DROP) == []


def test_only_pending_migrations_with_known_sql_are_judged(tmp_path: Path) -> None:
    applied = Change("shop.0001", pending=False, sql="DROP TABLE a;")

    assert said("false", tmp_path, applied, Change("shop.0004")) == []


def test_a_program_that_is_missing_or_says_nothing_is_a_finding(tmp_path: Path) -> None:
    assert said("./not-there", tmp_path, ADD) == ["shop.0002: ./not-there: No such file or directory"]
    assert said("false", tmp_path, ADD) == ["shop.0002: false: exit 1"]


def test_what_is_meant_for_terminals_is_left_out(tmp_path: Path) -> None:
    styled = r"""sh -c 'printf "\033[1mwarning\033]8;;https://x\033\\\\rule\033]8;;\033\\\\\033[0m: no"; exit 1'"""

    assert said(styled, tmp_path, ADD) == ["shop.0002: warningrule: no"]


def test_it_runs_in_the_folder_of_tagship_yml(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("no\n")

    assert said("sh -c 'cat rules; exit 1'", tmp_path, ADD) == ["shop.0002: no"]
