"""Tests of programs in the foreground."""

from pathlib import Path

import pytest

from tagship.errors import ToolError
from tagship.system import foreground


def test_a_program_that_may_not_be_run_is_no_bug_of_ours(tmp_path: Path) -> None:
    program = tmp_path / "compose"
    program.write_text("not executable")

    with pytest.raises(ToolError, match="compose can't be run: Permission denied"):
        foreground.run([str(program)], tmp_path, {})
