"""The console command: the same tasks as under `inv`, in any folder with a tagship.yml."""

from invoke.program import Program

from tagship import namespace
from tagship.version import VERSION


def main() -> None:
    """Run the command line."""
    Program(name="tagship", binary="tagship", namespace=namespace, version=VERSION).run()
