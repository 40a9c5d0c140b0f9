"""The app's own commands before and after the stages of a deploy."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from tagship.companions.companion import HookCompanion
from tagship.companions.hooks import Hooks
from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.errors import HookError
from tagship.project.beside_settings import HookSettings
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress
from tagship.system import group
from tests.fakes.builders import rendered

NEW = rendered("b")
DONE = Outcome("staging", NEW.name, NEW.release.version.tag, "", "http://x", changed=True, images={})


def hooks(folder: Path, **settings: object) -> Hooks:
    """Those commands, in a folder."""
    wanted = HookSettings.model_validate({name.replace("_", "-"): value for name, value in settings.items()})
    return Hooks(wanted, folder, Progress(), {"TAGSHIP_APP": "shop"})


def test_a_command_gets_the_facts_as_variables_and_runs_in_the_projects_folder(tmp_path: Path) -> None:
    script = "echo $TAGSHIP_HOOK $TAGSHIP_APP $TAGSHIP_ACTION $TAGSHIP_SHA > said"
    companion = HookCompanion(hooks(tmp_path, before_deploy=[f"sh -c '{script}'"]))

    companion.before(NEW, Observed(), Action.DEPLOY)

    assert (tmp_path / "said").read_text() == f"before-deploy shop deploy {NEW.release.version.sha}\n"


def test_one_that_fails_before_a_stage_prevents_it_and_says_what_it_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    companion = HookCompanion(hooks(tmp_path, before_deploy=["sh -c 'echo frozen; exit 4'", "touch later"]))

    with pytest.raises(HookError, match="nothing was changed") as caught:
        companion.before(NEW, Observed(), Action.DEPLOY)

    assert caught.value.code == 23
    assert caught.value.problem == "before-deploy failed: sh -c 'echo frozen; exit 4': exit 4"
    assert "  frozen\n" in capsys.readouterr().err
    assert not (tmp_path / "later").exists()


def test_one_that_fails_after_a_stage_is_only_reported(tmp_path: Path) -> None:
    companion = HookCompanion(hooks(tmp_path, after_rollback="false", after_deploy="touch deployed"))

    companion.before(NEW, Observed(), Action.ROLLBACK)

    assert companion.after(DONE) == ("after-rollback failed: false: exit 1",)
    assert not (tmp_path / "deployed").exists()


def test_the_commands_around_a_stage_run_in_order_and_those_after_it_only_if_it_succeeded(tmp_path: Path) -> None:
    companion = HookCompanion(
        hooks(tmp_path, before_cutover="sh -c 'echo before >> log'", after_cutover="sh -c 'echo after >> log'")
    )

    with companion.around("cutover", {}), (tmp_path / "log").open("a") as log:
        log.write("cutover\n")
    with pytest.raises(ZeroDivisionError), companion.around("cutover", {}):
        raise ZeroDivisionError

    assert (tmp_path / "log").read_text().split() == ["before", "cutover", "after", "before"]


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=r"not done within 0\.05 s"):
        hooks(tmp_path, before_build="sleep 60", within=0.05).before("build")


def test_one_that_hangs_is_ended_with_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Mock(wraps=group.end)
    monkeypatch.setattr(group, "end", ended)

    with pytest.raises(HookError, match=r"not done within 0\.05 s"):
        hooks(tmp_path, before_build="sh -c 'sleep 60 & wait'", within=0.05).before("build")

    assert ended.call_count == 1


def test_one_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(HookError, match="No such file"):
        hooks(tmp_path, before_build="no-such-program").before("build")


def test_secrets_of_this_process_are_hidden_in_what_it_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("GITHUB_ACTIONS", "")
    monkeypatch.setenv("DEPLOY_TOKEN", "t0k3n-of-mine")

    hooks(tmp_path, before_build="sh -c 'echo $DEPLOY_TOKEN'").before("build")

    assert "t0k3n-of-mine" not in (said := capsys.readouterr().err)
    assert "⟦hidden⟧" in said


def test_a_plan_names_them(tmp_path: Path) -> None:
    ours = HookCompanion(hooks(tmp_path, after_deploy=["a b", "c"], before_cutover="d"))

    assert ours.announcement.splitlines() == ["after-deploy: a b", "after-deploy: c", "before-cutover: d"]
