"""Every failure turns the job red and cleans up: a suite, a broken release, a cancelled job, a killed one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.action.act import ROOT, Act, Run
from tests.action.conftest import Acted, starter
from tests.action.github import GitHub

CRASH = {"server.serve_forever(poll_interval=0.05)": "raise SystemExit('no such table: prices')"}
SLOW = {"server = http.server": "time.sleep(60)\nserver = http.server"}
SIGINT_TO_SIGTERM, SIGTERM_TO_SIGKILL = 7.5, 2.5
"""Seconds; what a runner does when a job is cancelled (actions/runner, ProcessInvoker)."""


def test_a_failing_suite_stops_before_the_build_and_is_put_on_its_line(app: Acted, act: Act, github: GitHub) -> None:
    (app.folder / "test_web.py").write_text(
        "for _ in range(10_000): print('x' * 99)\n"  # a suite's whole output is one event, of 1 MB here
        "print('E       assert 1 == 2\\n\\ntest_web.py:1: AssertionError')\nexit(1)\n"
    )
    app.commit()

    run = act.run(app.folder, starter(app), github, branch="staging")

    assert run.results["test"] == "failure"
    assert run.results.get("build") != "success"
    assert run.results.get("staging") != "success"
    assert "::error file=test_web.py,line=1,title=test web::assert 1 == 2" in run.log
    assert "| test web | ❌ python3 test&#95;web.py: exit 1 |" in run.summary


def test_a_broken_release_turns_the_job_red_with_the_old_one_serving(app: Acted, act: Act, github: GitHub) -> None:
    good = _deployed(app, act, github)
    bad = app.commit(**CRASH)
    deployment = github.begin("staging", bad)

    run = act.run(app.folder, starter(app), github, branch="staging")

    assert run.results["staging"] == "failure", run.log
    assert app.serves("staging", good)
    assert github.states(deployment)[-1] == "failure"
    told = run.outputs("staging")
    assert told["status"] == "failure"
    headline, _, rest = run.summary.partition("**Serving now:**")
    assert "❌ Failed: `deploy → staging`" in headline
    assert "no such table: prices" in headline
    assert f"-staging-{good[:8]}-" in rest.splitlines()[0]


def test_cancelling_leaves_the_old_release_serving_and_no_lock(app: Acted, act: Act, github: GitHub) -> None:
    good = _deployed(app, act, github)
    app.commit(**SLOW)

    run = _cancelled(app, act, github)

    assert run.results["staging"] == "failure", run.log
    assert run.outputs("staging")["status"] == "cancelled", run.log
    assert app.serves("staging", good)
    assert _left(app, f"name=tagship-lock-{app.name}-") == []
    assert len(_left(app, f"label=tagship.app={app.name}")) == 1


def test_an_agent_ends_with_a_killed_job(tmp_path: Path, act: Act) -> None:
    script = f"""import pathlib, sys, time
sys.path.insert(0, {str(ROOT)!r})
from action.agent import agent
with agent(sys.stdin.read(), pathlib.Path({str(tmp_path)!r})) as told:
    print(told["SSH_AUTH_SOCK"], flush=True)
    time.sleep(60)
"""
    job = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert job.stdin
    assert job.stdout
    job.stdin.write(act.key)
    job.stdin.close()
    socket = job.stdout.readline().strip()
    listed = ["ssh-add", "-l"]
    assert (
        subprocess.run(listed, env={"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": socket}, check=False).returncode == 0
    )

    job.kill()
    job.wait()
    job.stdout.close()

    deadline = time.monotonic() + 25
    while Path(socket).exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not Path(socket).exists()
    shutil.rmtree(Path(socket).parent)


def _deployed(app: Acted, act: Act, github: GitHub) -> str:
    sha = app.commit()
    run = act.run(app.folder, starter(app), github, branch="staging")
    assert run.results["staging"] == "success", run.log
    return sha


def _cancelled(app: Acted, act: Act, github: GitHub) -> Run:
    """Start a deploy, and cancel it as a runner does while the new release is starting."""
    events = []
    with act.start(app.folder, starter(app), github, branch="staging") as process:
        for line in process.stdout or ():
            event = json.loads(line) if line.startswith("{") else {"msg": line}
            events.append(event)
            if "::group::Start web" in str(event.get("msg")):
                threading.Thread(target=_cancel, args=(next(_steps(act)),)).start()
    return Run(process.returncode, events)


def _cancel(pid: int) -> None:
    """SIGINT, then SIGTERM, then SIGKILL, to the process that the runner started: which is Python, by `exec`."""
    for number, seconds in (
        (signal.SIGINT, SIGINT_TO_SIGTERM),
        (signal.SIGTERM, SIGTERM_TO_SIGKILL),
        (signal.SIGKILL, 0),
    ):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)


def _steps(act: Act) -> Iterator[int]:
    """The processes that run our entry out of act's folder."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(str(act.folder).encode()) and word.endswith(b"action/main.py") for word in words):
            yield int(folder.name)


def _left(app: Acted, label: str) -> list[str]:
    return app.rig.hosts[-1].docker("ps", "-aq", "--filter", label).split()
