"""The only way to run other programs: argv lists, a small environment, captured output, secrets by stdin."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tagship.errors import TagshipError, ToolError
from tagship.system.deadline import POLL, Deadline
from tagship.system.parallel import started

PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Where Docker's client looks for plugins, after its configuration folder (cli-plugins/manager, docker/cli)."""

PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "DOCKER_CONFIG",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
)
"""Variables of this process that a program may need; it gets no others, so no secrets."""


@dataclass(frozen=True)
class Output:
    """The output of a program."""

    out: str
    err: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A program's environment: the variables in PASSED_ON, the proxies, and the given ones."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | proxies | dict(extra or {})


def run(  # noqa: PLR0913 - one door
    argv: list[str],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    fails_as: type[TagshipError] = ToolError,
    until: Deadline | None = None,
    silent: bool = False,
) -> Output:
    """Run to the end. Raises `fails_as` with the program's last lines, or ToolError if it can't be run.

    At the deadline the program is killed, which counts as a failure. `silent`: its output may be secret, so the error
    has only what it wrote to stderr.
    """
    name = Path(argv[0]).name
    try:
        process = subprocess.Popen(
            argv,
            env=environment(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except FileNotFoundError:
        raise ToolError(f"{argv[0]} is not installed.", hint="install it, or correct the name or PATH") from None
    except OSError as error:
        raise ToolError(
            f"{argv[0]} can't be run: {error.strerror}.", hint="check that it is executable, and for this machine"
        ) from None
    with process:
        try:
            done = _communicate(process, stdin, until)
        except BaseException:
            process.kill()
            raise
    if done is None:
        raise fails_as(f"{name} was not done in time.")
    if process.returncode:
        said = done.err if silent else done.err.strip() or done.out
        output = said.strip().splitlines() or [f"it ended with exit code {process.returncode}"]
        failed = fails_as(f"{name}: " + "\n  ".join(output[-12:]))
        failed.output = done.err if silent else f"{done.out}\n{done.err}"
        raise failed
    return done


def _communicate(process: subprocess.Popen[str], stdin: str, until: Deadline | None) -> Output | None:
    """The output; None if the program was killed."""
    if until is None:
        return Output(*process.communicate(stdin))
    # the thread alone has the pipe it feeds, and this one the other two: closed under a thread that still uses it, a
    # pipe's number may be the next program's. (Called again after a timeout, communicate() would feed no more of it.)
    fed, process.stdin = process.stdin, None
    assert fed  # noqa: S101 - it was asked for
    started(lambda: _feed(fed, stdin))
    while True:
        try:
            return Output(*process.communicate(timeout=min(POLL, until.left)))
        except subprocess.TimeoutExpired:
            if not until.left:
                process.kill()
                return None


def _feed(pipe: IO[str], text: str) -> None:
    """Write it all, as far as it is wanted."""
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(text)


def docker_plugin(name: str) -> list[str]:
    """The argv of Docker's `compose` or `buildx`: the plugin itself, which saves starting the client first.

    Raises ToolError if it isn't installed.
    """
    own = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker")) / "cli-plugins"
    for folder in (own, *map(Path, PLUGIN_FOLDERS)):
        plugin = folder / f"docker-{name}"
        if os.access(plugin, os.X_OK):
            return [str(plugin)]
    if docker := shutil.which("docker"):
        there = subprocess.run([docker, name, "version"], env=environment(), capture_output=True, check=False)
        if there.returncode == 0:
            return [docker, name]
    raise ToolError(f"Docker's {name} plugin is not installed.", hint=f"install docker-{name}-plugin")
