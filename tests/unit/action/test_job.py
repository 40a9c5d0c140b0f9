"""The tasks' inputs come only from `with:`, even if an earlier step set the same variables."""

from pathlib import Path

from action.inputs import Inputs
from action.job import Job

INHERITED = {
    "TAGSHIP_ALLOW_UNPROTECTED": "production", "TAGSHIP_KNOWN_HOSTS": "/tmp/evil", "TAGSHIP_DIGESTS": "{}",  # noqa: S108
    "TAGSHIP_CONFIG": "evil.yml", "TAGSHIP_ACTION_SHA": "0000", "GITHUB_TOKEN": "another",
}  # fmt: skip


def told(**given: str) -> dict[str, str]:
    """The environment of the tasks, of what an earlier step might have set."""
    job = Job({**INHERITED, "DB_PASSWORD": "the app's own", "INPUT_SSH_KEY": "key"})
    inputs = Inputs(run=("deploy",), folder=Path(), **given)  # type: ignore[arg-type]
    return job._child_environment(inputs)  # noqa: SLF001 - the boundary itself


def test_what_an_earlier_step_set_is_not_taken_for_an_input() -> None:
    assert told() == {"DB_PASSWORD": "the app's own"}


def test_an_input_is_told_under_its_own_name() -> None:
    assert told(allow_unprotected="staging", config="tagship.yml") == {
        "DB_PASSWORD": "the app's own",
        "TAGSHIP_ALLOW_UNPROTECTED": "staging",
        "TAGSHIP_CONFIG": "tagship.yml",
    }
