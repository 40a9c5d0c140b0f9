"""Faults kill what is meant: a container that has just ended has process 0, which for `kill` is our own group."""

from types import SimpleNamespace
from typing import Any

from tests.faults.scene import Scene


class Machine(SimpleNamespace):
    """Keeps what would be run on it."""

    def __init__(self) -> None:
        super().__init__(ran=[])

    def run(self, argv: list[str]) -> str:
        """Runs nothing."""
        self.ran.append(argv)
        return ""

    def docker(self, *words: str) -> str:
        """Says of each container that it has ended."""
        return "0\n" if words[0] == "inspect" else ""


def test_a_container_that_has_just_ended_is_not_killed() -> None:
    machine: Any = Machine()
    nobody: Any = None
    wanted: Any = SimpleNamespace(host=machine)
    scene = Scene(nobody, nobody, wanted, before="")

    scene.kill_containers("web")

    assert machine.ran == []
