"""A deploy by the action that fails while the app prints all its secrets: nothing of them is in what the run leaves.

The values come from a program, so that neither act nor the action's own masks know them from the job's secrets.
"""

import json
import sys
import time
from pathlib import Path

from tests import leaks
from tests.action.act import Act
from tests.action.conftest import Acted, starter
from tests.action.github import GitHub
from tests.leaks import Canaries

PRINTS = "import os; print(dict(os.environ), *os.environ.values(), sep='\\n', flush=True); 1/0\nimport http.server"


def test_no_log_summary_output_request_or_file_of_a_run_has_a_value(
    app: Acted, act: Act, github: GitHub, tmp_path: Path
) -> None:
    values = leaks.made()
    canaries, since = Canaries(values), time.time()
    store, script = tmp_path / "store.json", tmp_path / "print.py"
    store.write_text(json.dumps(values))
    script.write_text(f"print(open({str(store)!r}).read())")
    app.settings["secrets"] = f"command://{sys.executable} {script}"
    app.compose["services"]["web"]["environment"] |= {name: f"${{{name}}}" for name in values}
    sha = app.commit(**{"import http.server": PRINTS})
    github.begin("staging", sha)

    with leaks.watching(canaries, []) as seen:
        run = act.run(app.folder, starter(app), github, branch="staging")

    assert run.results["staging"] == "failure", run.log
    assert "ZeroDivisionError" in run.log, "what the container said is shown"
    assert canaries.in_text(json.dumps(run.events)) | canaries.in_text(run.log) == set()
    assert canaries.in_text(json.dumps(github.requests)) == set()
    assert list(canaries.in_files([tmp_path, act.folder], since, [store])) == []
    assert {kind for _, kind, _ in seen.processes} <= {"environ"}
