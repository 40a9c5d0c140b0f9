"""`demo`: ships the example application to real servers on this machine."""

import subprocess
import sys
from pathlib import Path

from invoke.context import Context

from tagship.commands.task import task
from tagship.errors import ToolError

CHECKOUT = Path(__file__).parents[3]


@task(changes=False, trusts=False)
def demo(_: Context) -> None:
    """Ship the example app to two servers on this machine.

    Under load, it deploys a version, changes it, refuses a broken one and rolls back.
    """
    if not (CHECKOUT / "tests" / "demo").is_dir():
        raise ToolError(
            "The demo needs a clone of Tagship's repository: the package lacks the example app and its servers.",
            hint="clone it, then run `pip install nox && nox -s demo`",
        )
    done = subprocess.run([sys.executable, "-m", "tests.demo"], cwd=CHECKOUT, check=False)
    if done.returncode:
        raise ToolError(f"The demo failed with exit code {done.returncode}.", hint="read its output above")
