"""Runs workflows with act, offline, on the rig's laptop: jobs, their results, their log as the runner would obey it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagship.github import workflows as starters
from tests.action.github import JOB, RUN, TOKEN, GitHub
from tests.rig import Rig

ROOT = Path(__file__).resolve().parent.parent.parent
SELF = "OWNER/tagship@self"
CA = Path("/etc/ssl/certs/ca-certificates.crt")
_KEPT = re.compile(r"(PIP|UV)_\w+|\w+_proxy|\w+_PROXY")
JOB_ID = "${{ job.check_run_id }}"
_SETUP_PYTHON = re.compile(r"actions/setup-python@[0-9a-f]{40}")


NOTHING = """name: nothing
description: stands in for what isn't needed
runs: {using: composite, steps: [{run: "true", shell: bash}]}
"""
CHECKOUT = """name: checkout
description: fetches from the project's folder, which is what stands for the repository on GitHub
inputs: {ref: {default: ""}, fetch-depth: {default: "1"}, persist-credentials: {default: "true"}}
runs:
  using: composite
  steps:
    - shell: bash
      run: git clone --quiet "$PROJECT" . && git checkout --quiet --detach "${REF:-$GITHUB_SHA}"
      env: {REF: "${{ inputs.ref }}"}
"""


@dataclass
class Run:
    """The output of one run of act."""

    code: int
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def log(self) -> str:
        """Every line of the log."""
        return "\n".join(str(event.get("msg", "")).rstrip("\n") for event in self.events)

    @property
    def results(self) -> dict[str, str]:
        """Job → success or failure, without skipped jobs."""
        return {str(event["jobID"]): str(event["jobResult"]) for event in self.events if "jobResult" in event}

    def outputs(self, job: str) -> dict[str, str]:
        """The outputs of a job's steps."""
        told = [e for e in self.events if e.get("command") == "set-output" and e.get("jobID") == job]
        return {str(event["name"]): str(event["arg"]) for event in told}

    def commands(self, name: str) -> list[dict[str, Any]]:
        """The workflow commands that were obeyed."""
        return [event for event in self.events if event.get("command") == name]

    @property
    def summary(self) -> str:
        """What the job summaries hold."""
        return "\n".join(str(e.get("content", e.get("msg", ""))) for e in self.events if e.get("command") == "summary")


class Act:
    """act on the laptop, with a copy of this action and stand-ins for what can't be fetched."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self._rig = rig
        self.folder = folder
        self.action = folder / "action"
        _copy_action(self.action)
        for name, source in (("nothing", NOTHING), ("checkout", CHECKOUT)):
            (folder / name).mkdir()
            (folder / name / "action.yml").write_text(source)
        self._bin = folder / "bin"
        self._bin.mkdir()
        self.provide("python3", Path(sys.executable).resolve())
        self.provide("docker", self._rig.laptop.home / "bin" / "docker")
        self.home = folder / "home"
        self.home.mkdir()

    def provide(self, name: str, program: Path) -> None:
        """Put a program on the jobs' PATH."""
        (self._bin / name).symlink_to(program)

    def run(self, project: Path, workflow: str, github: GitHub, **options: Any) -> Run:  # noqa: ANN401 - passed on
        """Run a workflow of a project to its end."""
        process = self.start(project, workflow, github, **options)
        out, err = process.communicate(timeout=400)
        events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return Run(process.returncode, [*events, {"msg": err}])

    def start(
        self, project: Path, workflow: str, github: GitHub, *, branch: str = "main", event: str = "push",
        inputs: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None, payload: Mapping[str, Any] | None = None,
    ) -> subprocess.Popen[str]:  # fmt: skip
        """Start one; `payload`: more of the event."""
        workflows = self.folder / "workflows"
        shutil.rmtree(workflows, ignore_errors=True)
        workflows.mkdir()
        (workflows / "x.yml").write_text(_for_act(workflow))
        told = {
            "ref": f"refs/heads/{branch}",
            "repository": {"private": False, "full_name": "o/r", "default_branch": "main"},
            "inputs": dict(inputs or {}),
            **(payload or {}),
        }
        (self.folder / "event.json").write_text(json.dumps(told))
        kept = {"SSH_KEY": self.key, **(secrets or {})}
        argv = [
            str(Path(sys.executable).with_name("act")), event, "--json",
            "--eventpath", str(self.folder / "event.json"),
            "--workflows", str(workflows), "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server",
            "--action-cache-path", str(self.folder / "cache"), "--concurrent-jobs", "1",
            "--local-repository", f"{SELF}={self.action}",
            "--local-repository", f"{_setup_python()}={self.folder / 'nothing'}",
            "--local-repository", f"{starters.CHECKOUT.partition(' ')[0]}={self.folder / 'checkout'}",
            *(word for name in kept for word in ("--secret", name)), "--secret", f"GITHUB_TOKEN={TOKEN}",
            "--var", f"KNOWN_HOSTS={self.known_hosts}",
            *(word for pair in self._environment(github, env).items() for word in ("--env", "=".join(pair))),
            "--env", f"PROJECT={project}",
        ]  # fmt: skip
        path = f"{self._bin}:/usr/local/bin:/usr/bin:/bin"
        passed = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
        clean = {"PATH": path, "HOME": str(self.home), "DOCKER_HOST": f"unix://{self._rig.laptop.socket}", **passed}
        certificates = {"SSL_CERT_FILE": str(CA)} if CA.exists() else {}
        return subprocess.Popen(
            self._rig.laptop.command(argv), cwd=project, env=clean | certificates | kept, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def key(self) -> str:
        """The private key that the rig's hosts know."""
        return (self._rig.laptop.home / ".ssh" / "id").read_text()

    @property
    def known_hosts(self) -> str:
        """The hosts' keys."""
        return (self._rig.laptop.home / ".ssh" / "known_hosts").read_text()

    def _environment(self, github: GitHub, env: Mapping[str, str] | None) -> dict[str, str]:
        return {
            "GITHUB_API_URL": github.url,
            "GITHUB_RUN_ID": RUN,
            "DOCKER_HOST": f"unix://{self._rig.laptop.socket}",
            "DOCKER_CONFIG": str(self._rig.laptop.home / ".docker"),
            **(env or {}),
        }


def _copy_action(folder: Path) -> None:
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("action", "tasks"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    action = (ROOT / "action.yml").read_text()
    assert JOB_ID in action
    (folder / "action.yml").write_text(action.replace(JOB_ID, JOB))  # act tells no job its number
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "the action"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def _setup_python() -> str:
    found = _SETUP_PYTHON.search((ROOT / "action.yml").read_text())
    assert found
    return found[0]


def _for_act(workflow: str) -> str:
    """Remove what act doesn't support yet, and use the copy of the action."""
    known = re.sub(r"^ +(queue: max|deployment: false)\n", "", workflow, flags=re.MULTILINE)
    return re.sub(r"OWNER/tagship@[0-9a-f]{40}", SELF, known)
