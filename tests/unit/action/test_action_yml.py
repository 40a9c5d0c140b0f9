"""action.yml, what the code reads, and what the documentation says are one."""

import re
from pathlib import Path
from typing import Any

import yaml

from action import outputs

ROOT = Path(__file__).resolve().parent.parent.parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEP: dict[str, Any] = ACTION["runs"]["steps"][-1]
LOCKED = sorted((ROOT / "action").glob("requirements*.txt"))
DOCS = (ROOT / "docs" / "github-action.md").read_text()


def documented() -> dict[str, Any]:
    """The `with:` block of the documentation."""
    block = re.search(r"```yaml\n(- uses: OWNER/tagship.*?)```", DOCS, re.DOTALL)
    assert block
    given: dict[str, Any] = yaml.safe_load(block[1])[0]["with"]
    return given


def test_every_input_reaches_the_code_by_its_environment() -> None:
    expected = {f"INPUT_{name.replace('-', '_').upper()}": f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}

    assert {name: value for name, value in STEP["env"].items() if name.startswith("INPUT_")} == expected


def test_every_input_is_optional_and_documented_with_its_default() -> None:
    assert {name: given["default"] for name, given in ACTION["inputs"].items()} == documented()


def test_every_output_is_documented_and_written() -> None:
    for name, output in ACTION["outputs"].items():
        assert output["value"] == f"${{{{ steps.run.outputs.{name} }}}}"
        assert f"`{name}`" in DOCS


def test_the_runners_signals_reach_python() -> None:
    assert STEP["run"].startswith("exec ")


def test_nothing_is_written_to_the_environment_of_later_steps() -> None:
    for path in [ROOT / "action.yml", *(ROOT / "action").glob("*.sh")]:
        assert "GITHUB_ENV" not in path.read_text()
        assert "GITHUB_PATH" not in path.read_text()
    assert outputs.render({}) == ""


def test_what_is_installed_is_locked_and_names_no_index() -> None:
    locked = "".join(path.read_text() for path in LOCKED)

    assert len(LOCKED) == 7
    for requirement in re.findall(r"^[a-z].*?(?=^[a-z#]|\Z)", locked, re.MULTILINE | re.DOTALL):
        assert "==" in requirement
        assert "--hash=sha256:" in requirement
    assert "://" not in locked


def test_what_is_installed_is_what_the_tests_run_with() -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^([a-z][\w-]*==\S+)", path.read_text(), re.MULTILINE))

    for path in LOCKED:
        assert pins(path) <= pins(ROOT / "requirements" / "dev.txt")
