"""The starter deploy.yml under act, on real servers: staging goes live, production waits for its protection."""

import json

from tests.action.act import Act
from tests.action.conftest import Acted, starter
from tests.action.github import GitHub


def test_a_push_to_staging_is_tested_built_once_and_deployed_by_digest(app: Acted, act: Act, github: GitHub) -> None:
    sha = app.commit()
    deployment = github.begin("staging", sha)

    run = act.run(app.folder, starter(app), github, branch="staging")

    assert run.results == {"test": "success", "build": "success", "staging": "success"}, run.log
    assert app.serves("staging", sha)
    outputs = run.outputs("staging")
    assert outputs["sha"] == sha
    assert outputs["status"] == "success"
    assert json.loads(run.outputs("build")["digests"])["web"] in outputs["release"]
    assert github.states(deployment) == ["in_progress", "in_progress", "success"]
    assert "## ✅ Done: `deploy → staging`" in run.summary


def test_production_is_refused_while_unprotected_and_deployed_once_protected(
    app: Acted, act: Act, github: GitHub
) -> None:
    sha = app.commit()
    deployment = github.begin("production", sha)

    held = act.run(app.folder, starter(app), github)

    assert held.results == {"test": "success", "build": "success", "production": "failure"}, held.log
    assert "production has no required reviewers" in held.log
    assert "production has no branch policy" in held.summary
    assert not app.serves("production", sha)

    github.protect("production", "main")
    run = act.run(app.folder, starter(app), github)

    assert run.results == {"test": "success", "build": "success", "production": "success"}, run.log
    assert app.serves("production", sha)
    assert github.states(deployment)[-1] == "success"
