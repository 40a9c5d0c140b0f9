"""Runs one step: read the inputs, hide the secrets, install, run the tasks, report the result."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from action import agent, annotations, child, inputs, install, outputs, pull_request, summary
from action.console import Annotation, Console
from action.errors import ActionError, CancelledError
from action.inputs import Inputs
from action.masking import Masks
from action.report import Failure, Report

USAGE, STOPPED = 64, 130
ROOT = Path(__file__).resolve().parent.parent
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the action in this process's environment. Returns the step's exit code."""
    for number in _SIGNALS:
        signal.signal(number, _cancelled)
    return Job(dict(os.environ)).run()


def _cancelled(number: int, _: FrameType | None) -> None:
    raise CancelledError(signal.Signals(number).name)


def _ignore_signals() -> None:
    """Ignore further signals: the rest takes a moment, and the report must be complete."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Job:
    """One run of the action."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._masks = Masks()
        self._console = Console(sys.stdout, self._masks)
        self._report = Report()
        self._given: Inputs | None = None
        self._began = time.monotonic()

    def run(self) -> int:
        """Run the step and report its result, however it ends."""
        try:
            self._console.hide(self._environment.get(name, "") for name in inputs.SECRETS)
            self._given = inputs.read(self._environment)
            self._report.code = self._tasks(self._given)
        except ActionError as error:
            self._fail(error.problem, error.hint, USAGE, "ActionError")
        except CancelledError as error:
            self._fail(f"Stopped by {error} before the tasks began.", "", STOPPED, "CancelledError")
        _ignore_signals()
        self._conclude()
        return self._report.code

    def _tasks(self, given: Inputs) -> int:
        with ExitStack() as stack:
            folder = install.folder(self._environment)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._console.group("Set up Tagship")
            # the key is loaded first, so that a bad one fails before the packages are fetched
            access = {} if self._untrusted else self._access(given, folder, stack)
            config = given.folder / (given.config or "tagship.yml")
            wanted = install.requirements(config, self._environment, given.run)
            python = install.install(folder / "venv", self._environment, *wanted)
            self._console.say(f"Ready after {time.monotonic() - self._began:.1f} s.")
            self._console.ungroup()
            argv = [str(python), "-IuB", str(ROOT / "action" / "task.py"), *given.run]
            env = self._child_environment(given) | access
            code = child.run(argv, env, given.folder, self._console.say, self._heard)
            _ignore_signals()
            return code

    @property
    def _untrusted(self) -> bool:
        """Whether the files come from a pull request, so that they get no credentials; its own preview gets them."""
        previews = self._given is not None and self._given.run[:1] in {(name,) for name in pull_request.PREVIEWS}
        of_pull_request = self._environment.get("GITHUB_EVENT_NAME", "").startswith(pull_request.EVENT)
        return of_pull_request and not (previews and pull_request.own_number(self._environment))

    def _access(self, given: Inputs, folder: Path, stack: ExitStack) -> dict[str, str]:
        access = dict(stack.enter_context(agent.agent(given.ssh_key, folder)))
        access |= stack.enter_context(agent.known_hosts(given.known_hosts, folder))
        if given.registry_username:
            access |= {
                "TAGSHIP_REGISTRY_USERNAME": given.registry_username,
                "TAGSHIP_REGISTRY_PASSWORD": given.registry_password,
            }
        return access

    def _child_environment(self, given: Inputs) -> dict[str, str]:
        """The child's environment: the step's own, without our inputs and the runner's command files, plus the inputs.

        The inputs come only from `with:`, because an earlier step may have put the same names into GITHUB_ENV.
        """
        told = {
            "TAGSHIP_ACTION_ENVIRONMENT": given.environment,
            "TAGSHIP_ACTION_SHA": given.sha,
            "TAGSHIP_CONFIG": given.config,
            "TAGSHIP_DIGESTS": given.digests,
            "TAGSHIP_ALLOW_UNPROTECTED": given.allow_unprotected,
            "GITHUB_TOKEN": given.github_token,
            "TAGSHIP_KNOWN_HOSTS": "",
        }
        given_to_us = {name for name in self._environment if name.startswith(inputs.PREFIX)}
        dropped = {*outputs.FILES, *told, *given_to_us}
        # empty values are dropped too, because GitHub passes a missing secret as an empty one
        kept = {name: value for name, value in self._environment.items() if value and name not in dropped}
        return kept | {name: value for name, value in told.items() if value}

    def _heard(self, kind: str, facts: Mapping[str, Any]) -> None:
        self._report.hear(kind, facts)
        match kind:
            case "secrets":
                self._console.hide(facts["values"])
            case "begin":
                self._console.group(facts["step"])
            case "end":
                self._console.ungroup()
            case "suite" if facts["problem"]:
                self._annotate_suite(facts)
            case "approval" if facts.get("overridden"):
                message = f"{facts['environment']} is deployed UNPROTECTED: {'; '.join(facts['findings'])}"
                self._console.annotate(Annotation(message, "allow-unprotected", level="warning"))

    def _annotate_suite(self, facts: Mapping[str, Any]) -> None:
        title = f"{facts['suite']} {facts['component']}"
        found = annotations.find(facts["output"], self._below(facts["directory"]), self._workspace, title)
        for remark in found or [Annotation(facts["problem"], title)]:
            self._console.annotate(remark)

    @property
    def _workspace(self) -> str:
        return str(Path(self._environment.get("GITHUB_WORKSPACE") or ".").resolve())

    def _below(self, directory: str) -> str:
        """A folder of the project, relative to the repository."""
        folder = self._given.folder if self._given else Path()
        return os.path.relpath(folder / directory, self._workspace)

    def _fail(self, problem: str, hint: str, code: int, kind: str) -> None:
        self._report.code = code
        self._report.failure = Failure(problem, hint, code, kind)

    def _conclude(self) -> None:
        """Write the annotations, outputs and summary."""
        failure = self._report.failure
        if failure:
            said = f"{failure.problem} {failure.hint}".strip()
            placed = annotations.in_problem(failure.problem, self._below("."), "Tagship")
            for remark in placed or [Annotation(said, "Tagship")]:
                self._console.annotate(remark)
        elif self._report.code:
            self._console.annotate(Annotation(f"The tasks ended with exit code {self._report.code}.", "Tagship"))
        self._console.close()
        told = {name: self._masks.redact(value) for name, value in self._outputs().items()}
        outputs.write(self._environment, told, self._masks.redact(self._summary()))

    def _outputs(self) -> dict[str, str]:
        report, last = self._report, self._report.last
        sha = report.tag or self._environment.get("GITHUB_SHA", "")
        return {
            "sha": sha,
            "release": json.dumps(last),
            "digests": json.dumps(report.digests),
            "environment": str(last.get("environment") or (self._given.environment if self._given else "")),
            "url": str(last.get("url", "")),
            "previous": str(last.get("previous", "")),
            "status": report.status,
        }

    def _summary(self) -> str:
        if self._given is None or not self._given.summary:
            return ""
        get = self._environment.get
        run = summary.Run(
            title=shlex.join(self._given.run) + (f" → {self._given.environment}" if self._given.environment else ""),
            server=get("GITHUB_SERVER_URL", "https://github.com"),
            repository=get("GITHUB_REPOSITORY", ""),
            sha=get("GITHUB_SHA", ""),
        )
        return summary.render(self._report, run, self._added_migrations())

    def _added_migrations(self) -> list[str]:
        """On a pull request, the Django migrations that it adds."""
        base = self._environment.get("GITHUB_BASE_REF", "")
        if not base or not self._given:
            return []
        argv = ["git", "diff", "--name-only", "--diff-filter=A", f"origin/{base}...HEAD", "--", "*/migrations/*.py"]
        done = subprocess.run(argv, cwd=self._given.folder, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()
