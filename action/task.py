"""The child process: runs the tasks like the console command, and sends events to the parent."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tasks")]  # -I leaves the script's own folder out

from invoke.exceptions import ParseError
from invoke.program import Program

from action import pull_request, secret_values, words
from action.errors import ActionError
from tagship import namespace
from tagship.commands.mistyped import CommandLine
from tagship.errors import TagshipError
from tagship.github import gate as approval
from tagship.project import here
from tagship.project.schema import Config, Environment
from tagship.reporting import events
from tagship.system.signals import interruptible

EVENTS, MARK = "TAGSHIP_ACTION_EVENTS", "TAGSHIP_ACTION_MARK"
ENVIRONMENT, SHA = "TAGSHIP_ACTION_ENVIRONMENT", "TAGSHIP_ACTION_SHA"
_WITHOUT_SSH = re.compile(r"smoke-test|github\.|secrets\.|backup\.(list|prune|pin|unpin|check)")
USAGE = 64
"""Exit code when the action is used wrongly (sysexits.h, EX_USAGE)."""


def main(argv: list[str]) -> None:
    """Check everything that can be checked in advance, then run. Exits with the tasks' own code."""
    _listen(int(os.environ.pop(EVENTS)), os.environ.pop(MARK))
    try:
        with interruptible():
            program = _Program(name="tagship", binary="tagship", namespace=namespace, version="of this action")
            program.run(["tagship", *_prepare(argv)])
    except (ActionError, TagshipError) as error:
        code = error.exit_code if isinstance(error, TagshipError) else USAGE
        _failed(error, code)
        sys.exit(code)


class _Program(Program):
    """Run the console command; send a failure as an event before it is printed."""

    def parse_tasks(self) -> None:
        try:
            super().parse_tasks()
        except ParseError as error:
            said = CommandLine(self.argv, namespace).explained(error)
            raise ActionError(f"`run` is invalid: {said.problem}", said.hint) from None
        except ValueError as error:
            if not (wrong := CommandLine(self.argv, namespace).no_number(error)):
                raise
            raise ActionError(f"`run` is invalid: {wrong.problem}", wrong.hint) from None

    def execute(self) -> None:
        try:
            super().execute()
        except TagshipError as error:
            _failed(error, error.exit_code)
            raise


def _prepare(argv: list[str]) -> list[str]:
    found = words.calls(argv, _tasks())
    words.refuse_pull_request(found, os.environ.get("GITHUB_EVENT_NAME", ""), pull_request.own_number(os.environ))
    if any(call.task.trusts for call in found):
        approval.refuse_unreviewed(here.folder())  # before any code of the commit runs
    if not here.config_path().exists():
        raise ActionError(f"There is no {here.config_path()} in {Path.cwd().name}/.", "Run actions/checkout first.")
    config = here.config()
    chosen = os.environ.pop(ENVIRONMENT, "")
    if chosen:
        config.environment(chosen)
    events.tell("secrets", values=secret_values.of(config, here.folder(), os.environ))
    need_host_keys(config, found, chosen)
    events.tell("ready", app=config.app, tasks=[call.task.name for call in found])
    return words.complete(found, chosen, os.environ.pop(SHA, ""))


def need_host_keys(config: Config, found: tuple[words.Call, ...], chosen: str) -> None:
    """Raises ActionError, with the command to run, if an engine uses SSH and no host key is given."""
    if os.environ.get("TAGSHIP_KNOWN_HOSTS"):
        return
    named: list[Environment] = []
    if any("--env" in call.task.options and not _WITHOUT_SSH.match(call.task.name) for call in found):
        named += [config.environment(chosen)] if chosen else config.environments.values()
    if config.previews and any(call.task.name.startswith("preview.") for call in found):
        named.append(config.environments[config.previews.like])
    hosts = sorted({host for environment in named if (host := urlsplit(environment.engine).hostname)})
    if hosts:
        raise ActionError(
            "`known-hosts` is empty, and no host key is accepted blindly.",
            f"Run `ssh-keyscan -t ed25519 {' '.join(hosts)}`, compare with "
            "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server, and give the lines as known-hosts.",
        )


def _tasks() -> Iterator[words.Task]:
    for context in namespace.to_contexts():
        options = {flag: bool(argument.takes_value) for flag, argument in context.flags.items()}
        task = namespace[str(context.name)]
        for name in (context.name, *context.aliases):
            yield words.Task(str(name), options, task.trusts, tuple(task.positional))


def _failed(error: ActionError | TagshipError, code: int) -> None:
    events.tell("failed", problem=error.problem, hint=error.hint, code=code, error=type(error).__name__)


def _listen(descriptor: int, mark: str) -> None:
    """Write every event as a line of JSON to a pipe that child programs don't inherit; a mark gives its place."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - its signature
    pipe = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)

    def write(kind: str, facts: object) -> None:
        sys.stderr.flush()
        pipe.write(json.dumps({"kind": kind, "facts": facts}, default=str) + "\n")
        print(mark, flush=True)  # noqa: T201 - the parent looks for it on stdout

    events.listen(write)


if __name__ == "__main__":
    main(sys.argv[1:])
