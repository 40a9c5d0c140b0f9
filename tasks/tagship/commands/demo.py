"""`demo`: the example application, shipped for real to servers on this machine, start to end."""

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

    Under load: it goes live, is changed, refused and rolled back.
    """
    if not (CHECKOUT / "tests" / "demo").is_dir():
        raise ToolError(
            "The demo needs Tagship's repository: its example application and its servers are not in the package.",
            hint="clone it, then `pip install nox && nox -s demo`",
        )
    done = subprocess.run([sys.executable, "-m", "tests.demo"], cwd=CHECKOUT, check=False)
    if done.returncode:
        raise ToolError(f"The demo ended with {done.returncode}.", hint="what it said is above")
