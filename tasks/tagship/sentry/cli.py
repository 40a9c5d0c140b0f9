"""Writes to Sentry with Sentry's own sentry-cli, which gets the token only in its environment.

https://docs.sentry.io/cli/
"""

import re
import shutil
import sys
from pathlib import Path

from tagship.errors import SentryError, ToolError
from tagship.sentry.account import ORG, TOKEN, URL, Account
from tagship.system import programs
from tagship.system.deadline import Deadline

_NOISE = re.compile(r"Add --log-level|Please attach|Caused by:|API request failed$")
"""Lines of sentry-cli around the actual error."""
_NUMBER = re.compile(r"(sentry-cli: )?(error: |\d+: )?")
"""The text before each cause."""


class SentryCli:
    """One account's sentry-cli. Every method raises SentryError, also when its deadline passes."""

    def __init__(self, account: Account, until: Deadline) -> None:
        self._account = account
        self._until = until
        self._program = program()

    def new(self, version: str) -> None:
        """Create a release in every project; an existing one stays as it is."""
        self._run("releases", "new", *self._projects, version)

    def set_commits(self, version: str, repository: str, since: str, sha: str) -> None:
        """Report a range of commits in a repository that Sentry reads itself."""
        spec = f"{repository}@{since}..{sha}" if since else f"{repository}@{sha}"
        self._run("releases", "set-commits", version, "--commit", spec)

    def upload(self, version: str, project: str, folder: Path) -> None:
        """Upload bundles and their source maps as one artifact bundle; Sentry skips what it already has."""
        projects = ("--project", project) if project else self._projects
        self._run("sourcemaps", "upload", *projects, "--release", version, str(folder))

    def finalize(self, version: str) -> None:
        """Mark a release as final."""
        self._run("releases", "finalize", *self._projects, version)

    def deployed(self, version: str, environment: str, url: str, span: tuple[int, int]) -> None:
        """Record a deploy; `span`: its start and end, seconds since the epoch."""
        started, finished = span
        self._run(
            "deploys", "new", *self._projects, "--release", version, "--env", environment, "--url", url,
            "--started", str(started), "--finished", str(finished),
        )  # fmt: skip

    @property
    def _projects(self) -> tuple[str, ...]:
        return tuple(word for project in self._account.projects for word in ("--project", project))

    def _run(self, *words: str) -> None:
        env = {
            TOKEN: self._account.token,
            URL: self._account.url,
            ORG: self._account.org,
            "SENTRY_LOAD_DOTENV": "0",  # an app's .env may name another account
            "SENTRY_DISABLE_UPDATE_CHECK": "1",
        }
        try:
            programs.run([self._program, *words], env=env, until=self._until, fails_as=SentryError)
        except SentryError as error:
            lines = [_NUMBER.sub("", line.strip(), count=1) for line in error.problem.splitlines()]
            message = " ".join(line for line in lines if line and not _NOISE.match(line)) or lines[0]
            raise SentryError(f"{' '.join(words[:2])}: {self._account.hide(message)}") from None


def program() -> str:
    """The sentry-cli of this Python's environment, or the one on PATH. Raises ToolError."""
    own = Path(sys.executable).with_name("sentry-cli")
    found = str(own) if own.exists() else shutil.which("sentry-cli")
    if not found:
        raise ToolError("sentry-cli is not installed.", hint="run pip install 'tagship[sentry]'")
    return found
