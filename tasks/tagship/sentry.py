"""What Sentry is told of a release: beside its rollout, which it neither fails nor holds up for long."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tagship import render
from tagship.adapters import git, sentry_account, source_maps
from tagship.adapters.engine import Engine
from tagship.adapters.programs import Deadline
from tagship.adapters.sentry_account import Account
from tagship.adapters.sentry_api import SentryApi
from tagship.adapters.sentry_cli import SentryCli
from tagship.adapters.target import Onlooker
from tagship.config import BakeSettings, Environment, SentrySettings
from tagship.errors import ConfigError, SentryError, SourceError, TagshipError
from tagship.model import Place, Release
from tagship.watching import Bake

FIRST_COMMITS = 20
"""How many commits the first release of an environment is said to bring: sentry-cli's own default."""
MOST_COMMITS = 500
REQUIRED_WITHIN = 120.0
"""Seconds after which a Sentry that is required counts as not answering."""
AGAIN = "tell it again with `tagship sentry-release --env {}`"


@dataclass(frozen=True)
class Subject:
    """A release in an environment, as Sentry knows it."""

    version: str
    """`APP@SHA`."""
    environment: str
    url: str
    sha: str
    before: str = ""
    """The release that was live before, `APP@SHA`; empty for none."""
    previous: str = ""
    """Its SHA."""
    image: str = ""
    """That of the service whose source maps are wanted."""
    back: bool = False
    """Whether an older release is brought back: what it consists of was told when it first came."""


def subject(place: Place, settings: Environment, release: Release, previous: Release | None, *, back: bool) -> Subject:
    """The release that goes into a place now, and the one that was there."""
    maps = settings.sentry.source_maps if settings.sentry else None
    return Subject(
        version=render.sentry_variables(place, release.version.tag)["SENTRY_RELEASE"],
        environment=place.environment,
        url=settings.url,
        sha=release.version.sha,
        before=render.sentry_variables(place, previous.version.tag)["SENTRY_RELEASE"] if previous else "",
        previous=previous.version.sha if previous else "",
        image=release.images.get(maps.service, "") if maps else "",
        back=back,
    )


@dataclass
class Teller:
    """Tells Sentry of one release. Each part stands for itself: one that fails is a remark and stops no other."""

    subject: Subject
    settings: SentrySettings
    account: Account
    engine: Engine
    credentials: Mapping[str, str] = field(default_factory=dict)
    until: Deadline = field(default_factory=Deadline)
    known: bool = False
    """Whether the release is in Sentry by now."""
    failures: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What was told, and isn't as it should be."""

    def prepare(self) -> None:
        """The release, its commits and its source maps: all that doesn't depend on how the rollout ends."""
        self._part("release", self._release)
        if self.known and not self.subject.back:
            self._part("commits", self._commits)
            self._part("source maps", self._source_maps)

    def record(self, started: float, seconds: float, *, again: bool = False) -> None:
        """That it is out, and where since when: only of a release that was proven live.

        With `again`, a deploy that is recorded already isn't recorded twice.
        """
        span = (int(started), int(started + seconds))
        if not (again and self._recorded(span)):
            self._part("finalize", lambda: self._cli.finalize(self.subject.version))
            self._part("deploy", lambda: self._deployed(span))

    @property
    def _cli(self) -> SentryCli:
        return SentryCli(self.account, self.until)

    @property
    def _api(self) -> SentryApi:
        return SentryApi(self.account, self.until)

    def _part(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except TagshipError as error:
            self.failures.append(f"Sentry, {name}: {error.problem}{f' ({error.hint})' if error.hint else ''}")

    def _release(self) -> None:
        self._cli.new(self.subject.version)
        self.known = True

    def _commits(self) -> None:
        told = self.subject
        if told.previous == told.sha:
            return  # only the configuration changed
        remote = git.remote()
        repository = self._api.repository(remote)
        if repository:
            self._cli.set_commits(told.version, repository, told.previous, told.sha)
            return
        commits = git.commits(told.previous, told.sha, MOST_COMMITS if told.previous else FIRST_COMMITS)
        if commits:
            name = "/".join(remote.split("/")[-2:]) or told.version.partition("@")[0]
            self._api.set_commits(told.version, name, commits)

    def _source_maps(self) -> None:
        wanted = self.settings.source_maps
        if wanted is None:
            return
        if not self.subject.image:
            raise SourceError(f"no image of the release is {wanted.service}'s")
        with tempfile.TemporaryDirectory(prefix="tagship-maps-") as folder:
            found = source_maps.fetch(self.engine, self.subject.image, wanted, Path(folder), self.credentials)
            self.remarks += [f"Sentry, source maps: {remark}" for remark in found.remarks]
            self._cli.upload(self.subject.version, wanted.project, Path(folder))

    def _recorded(self, span: tuple[int, int]) -> bool:
        deploys = self._api.deploys(self.subject.version)
        return any(
            deploy["environment"] == self.subject.environment
            and int(datetime.fromisoformat(deploy["dateFinished"]).timestamp()) == span[1]
            for deploy in deploys
        )

    def _deployed(self, span: tuple[int, int]) -> None:
        self._cli.deployed(self.subject.version, self.subject.environment, self.subject.url, span)


class Telling:
    """What Sentry is told, and asked, while a rollout goes on."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._bake: Bake | None = None
        self._thread = threading.Thread(target=teller.prepare, name="tagship-sentry", daemon=True)
        self._thread.start()

    def insist(self) -> None:
        """Wait until all is told. Raises SentryError when something couldn't be."""
        self._teller.until.move(REQUIRED_WITHIN)
        self._thread.join()
        self._teller.until.at = float("inf")
        if failures := self._teller.failures:
            raise SentryError("\n".join(failures), hint="nothing was changed; tagship.yml says that Sentry is required")

    def onlooker(self, bake: BakeSettings) -> Onlooker | None:
        """What looks on while the release bakes."""
        if not bake.for_:
            return None
        teller, patience = self._teller, Deadline()
        self._bake = Bake(
            SentryApi(teller.account, patience), teller.subject.environment, teller.subject.version,
            teller.subject.before, teller.settings.watch.freeze(),
            goes_back=bake.on_unhealthy == "rollback", patience=patience, within=teller.settings.within,
        )  # fmt: skip
        return self._bake.glance

    def finish(self, started: float, seconds: float) -> tuple[str, ...]:
        """The rollout succeeded: wait for what isn't told yet, `within` at most, and record the deploy.

        `started`: seconds since the epoch. Returns what is to be said of it.
        """
        teller = self._teller
        teller.until.move(teller.settings.within)
        self._thread.join(teller.settings.within + 1)  # its calls end by their deadline
        if teller.known and not self._thread.is_alive():
            teller.record(started, seconds)
        seen = tuple(self._bake.remarks) if self._bake else ()
        again = (AGAIN.format(teller.subject.environment),) if teller.failures else ()
        return (*seen, *teller.failures, *teller.remarks, *again)

    def give_up(self) -> None:
        """The rollout failed: nothing more is told."""
        self._teller.until.move(0)


class Unknown:
    """In place of Telling where nobody can be told: why is said in the end."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def onlooker(self, _: BakeSettings) -> None:
        """Nobody looks on."""

    def finish(self, _started: float, _seconds: float) -> tuple[str, ...]:
        """What is to be said of it."""
        return (self._problem,)


@contextmanager
def beside(
    subject: Subject, settings: SentrySettings, engine: Engine, credentials: Mapping[str, str]
) -> Iterator[Telling | Unknown]:
    """Around a rollout. Raises ConfigError or SentryError, before anything is changed, where Sentry is `required`."""
    try:
        account = sentry_account.of(settings, os.environ)
    except ConfigError as error:
        if settings.required:
            raise
        yield Unknown(error.problem)
        return
    telling = Telling(Teller(subject, settings, account, engine, credentials))
    try:
        if settings.required:
            telling.insist()
        yield telling
    except BaseException:
        telling.give_up()
        raise
