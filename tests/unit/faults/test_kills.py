"""Faults kill what is meant: a container that has just ended has process 0, which for `kill` is our own group."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.scene import Scene
from tests.rig.engine import Engine


class Machine(SimpleNamespace):
    """Keeps what would be run on it."""

    def __init__(self) -> None:
        super().__init__(run_folder=Path("/nowhere"), ran=[])

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


def test_a_power_cut_kills_only_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    machine: Any = Machine()
    engine = Engine(machine)
    pids = {"one": 0, "two": 42}
    answers: dict[str, Any] = {f"/containers/{name}/json": {"State": {"Pid": pid}} for name, pid in pids.items()}
    answers["/containers/json"] = [{"Id": name} for name in pids]
    monkeypatch.setattr(engine, "call", lambda _, path: json.dumps(answers[path]))
    monkeypatch.setattr(engine, "kill", lambda: None)

    engine.cut_power()

    assert machine.ran[0][-1:] == ["42"]
    assert "0" not in machine.ran[0]
