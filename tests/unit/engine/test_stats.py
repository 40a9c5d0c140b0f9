"""CPU and memory of a container, from the engine's answer."""

from typing import Any

from tagship.engine import stats
from tagship.engine.stats import Usage


def answer(memory: dict[str, Any], processors: int = 2) -> dict[str, Any]:
    """One that says 50 ms of CPU in a second."""
    return {
        "cpu_stats": {"cpu_usage": {"total_usage": 150}, "system_cpu_usage": 3000, "online_cpus": processors},
        "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
        "memory_stats": memory,
    }


def test_cpu_is_of_one_processor_and_memory_without_cache() -> None:
    found = stats.measured(answer({"usage": 100, "stats": {"inactive_file": 30}}))

    assert found == Usage(5.0, 70)


def test_the_older_cgroups_are_read_too() -> None:
    found = stats.measured(answer({"usage": 100, "stats": {"total_inactive_file": 40}}))

    assert found == Usage(5.0, 60)


def test_a_container_that_does_not_run_uses_nothing() -> None:
    assert stats.measured(answer({})) is None
