"""Reports a release to Sentry in parts; if one part fails, the others continue."""

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tagship.engine.client import Engine
from tagship.errors import SourceError, TagshipError
from tagship.images.credentials import Credentials
from tagship.project import here
from tagship.project.schema import Environment
from tagship.project.sentry_settings import SentrySettings
from tagship.release.model import Release
from tagship.sentry import source_maps
from tagship.sentry.account import Account
from tagship.sentry.api import SentryApi
from tagship.sentry.cli import SentryCli
from tagship.source import git
from tagship.system import scratch
from tagship.system.deadline import Deadline
from tagship.variables import resolve

FIRST_COMMITS = 20
"""How many commits the first release of an environment reports: sentry-cli's own default."""
MOST_COMMITS = 500


@dataclass(frozen=True)
class Subject:
    """A release in an environment, as Sentry names it."""

    version: str
    """`APP@SHA`."""
    environment: str
    url: str
    sha: str
    before: str = ""
    """The previous live release, `APP@SHA`; empty for none."""
    previous: str = ""
    """Its SHA."""
    image: str = ""
    """The image of the service with the source maps."""
    back: bool = False
    """Whether this is a rollback, so that the release's content was reported before."""


def subject(settings: Environment, release: Release, previous: Release | None, *, back: bool) -> Subject:
    """The subject of a report, from the new release and the previous one."""
    place = settings.place
    maps = settings.sentry.source_maps if settings.sentry else None
    return Subject(
        version=resolve.sentry_variables(place, release.version.tag)["SENTRY_RELEASE"],
        environment=place.environment,
        url=settings.url,
        sha=release.version.sha,
        before=resolve.sentry_variables(place, previous.version.tag)["SENTRY_RELEASE"] if previous else "",
        previous=previous.version.sha if previous else "",
        image=release.images.get(maps.service, "") if maps else "",
        back=back,
    )


@dataclass
class Reporter:
    """Reports one release to Sentry."""

    subject: Subject
    settings: SentrySettings
    account: Account
    engine: Engine
    credentials: Credentials
    until: Deadline = field(default_factory=Deadline)
    known: bool = False
    """Whether Sentry has the release."""
    failures: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """Reports that succeeded with a reservation."""
    at: str = ""
    """The current part of the report."""

    def prepare(self) -> None:
        """Report the release, its commits and its source maps, which don't depend on the rollout's result."""
        self._part("release", self._release)
        if self.known and not self.subject.back:
            self._part("commits", self._commits)
            self._part("source maps", self._source_maps)

    def record(self, started: float, seconds: float, *, again: bool = False) -> None:
        """Report that the release is final, and its deploy: only for a release that was proven live.

        With `again`, a deploy that is already recorded isn't recorded twice.
        """
        span = (int(started), int(started + seconds))
        if not self.subject.back:
            self._part("finalize", self._finalize)
        self._part("deploy", lambda: self._deployed(span, again=again))

    @property
    def _cli(self) -> SentryCli:
        return SentryCli(self.account, self.until)

    @property
    def _api(self) -> SentryApi:
        return SentryApi(self.account, self.until)

    def _part(self, name: str, work: Callable[[], None]) -> None:
        """Report one part. Any failure, even a bug of ours, affects only that part."""
        self.at = name
        if not self.until.left:
            self.failures.append(f"Sentry, {name}: no time was left")
            return
        try:
            work()
        except TagshipError as error:
            self.failures.append(f"Sentry, {name}: {error.problem}{f' ({error.hint})' if error.hint else ''}")
        except Exception as error:  # noqa: BLE001 - our bug keeps its traceback, and doesn't fail the deploy
            sys.stderr.write(self.account.hide(traceback.format_exc()))
            self.failures.append(f"Sentry, {name}: a bug in Tagship, {type(error).__name__}; its traceback is above")

    def _release(self) -> None:
        self._cli.new(self.subject.version)
        self.known = True

    def _commits(self) -> None:
        subject = self.subject
        if subject.previous == subject.sha:
            return  # only the configuration changed
        folder = here.folder()
        remote = git.remote(folder)
        repository = self._api.repository(remote)
        if repository:
            self._cli.set_commits(subject.version, repository, subject.previous, subject.sha)
            return
        if not subject.previous and git.shallow(folder):
            self.remarks.append("Sentry, commits: this clone is shallow, so the first release lacks older commits")
        commits = git.commits(
            subject.previous, subject.sha, MOST_COMMITS if subject.previous else FIRST_COMMITS, folder
        )
        if commits:
            name = "/".join(remote.split("/")[-2:]) or subject.version.partition("@")[0]
            self._api.set_commits(subject.version, name, commits)

    def _source_maps(self) -> None:
        wanted = self.settings.source_maps
        if wanted is None:
            return
        if not self.subject.image:
            raise SourceError(f"the release has no image of {wanted.service}")
        with scratch.folder() as folder:
            remarks = source_maps.fetch(
                self.engine, self.subject.image, wanted, folder, credentials=self.credentials, until=self.until
            )
            self.remarks += [f"Sentry, source maps: {remark}" for remark in remarks]
            self._cli.upload(self.subject.version, wanted.project, folder)

    def _finalize(self) -> None:
        """Finalize only once: Sentry orders releases by when they were finalized, not by later deploys."""
        if not self._api.released(self.subject.version):
            self._cli.finalize(self.subject.version)

    def _recorded(self, span: tuple[int, int]) -> bool:
        deploys = self._api.deploys(self.subject.version)
        return any(
            deploy["environment"] == self.subject.environment
            and deploy["dateFinished"]
            and int(datetime.fromisoformat(deploy["dateFinished"]).timestamp()) == span[1]
            for deploy in deploys
        )

    def _deployed(self, span: tuple[int, int], *, again: bool) -> None:
        if not (again and self._recorded(span)):
            self._cli.deployed(self.subject.version, self.subject.environment, self.subject.url, span)
