"""What a task ends with has no secret in it, whoever wrote it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from invoke.context import Context
from tagship.commands.task import task
from tagship.errors import BuildError
from tagship.secret import Secret

@task(help={{}})
def work(_):
    "A task."
    import resource
    print(resource.getrlimit(resource.RLIMIT_CORE)[0])
    value = Secret("s3cr3t\\nof two lines")
    {body}

work(Context())
"""
WAYS = [
    'raise BuildError("it printed: " + value.reveal(), hint="look at " + value.reveal())',
    'raise RuntimeError("a bug of ours, with " + value.reveal())',
    "{}[value.reveal()]",
    'open("/none/" + value.reveal())',
]


@pytest.mark.parametrize("body", WAYS)
def test_neither_an_error_nor_a_traceback_shows_a_secret_and_no_core_is_left(body: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(body=body))
    argv = [sys.executable, str(script)]

    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}
    )

    assert done.returncode
    assert "hidden" in done.stderr
    assert "s3cr3t" not in done.stderr
    assert "of two lines" not in done.stderr
    assert done.stdout == "0\n"
