"""`sentry-release` and `watch`: what Tagship reports to Sentry about a release, and what Sentry knows about it."""

from __future__ import annotations

import json as jsonlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import ENV, JSON, task
from tagship.errors import ConfigError, InconclusiveError, SentryError, SourceError, UnhealthyError

if TYPE_CHECKING:
    from tagship.deploy.observed import Observed
    from tagship.project.schema import Config, Environment
    from tagship.project.sentry_settings import SentrySettings
    from tagship.proof import ledger
    from tagship.release.model import Release
    from tagship.sentry.release import Subject
    from tagship.sentry.watch import Assessment
    from tagship.server.session import Session


@task(
    help={
        "env": ENV,
        "sha": "The SHA of the release to report, any unambiguous prefix. Default: the live release.",
        "dry-run": "Print the report and send nothing.",
        "json": JSON,
    }
)
def sentry_release(_: Context, env: str = "", sha: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Report a deployed release to Sentry.

    Reports its commits and source maps, finalizes it and records its deploy. You can repeat it.
    """
    from tagship.project import here
    from tagship.reporting.progress import Progress
    from tagship.reporting.table import table
    from tagship.sentry import account as sentry_account
    from tagship.sentry import companion as sentry_beside
    from tagship.sentry import release as sentry
    from tagship.server import connection as services

    config = here.config()
    settings, wanted = _configured(config, env)
    account = sentry_account.of(wanted, os.environ)
    progress = Progress(quiet=json)
    with services.connect(settings) as opening:
        session = opening.session()
        found = _deployed(session, sha)
        subject = sentry.subject(settings, found.release, found.previous, back=False)
        report = {**asdict(subject), "projects": list(account.projects), "deployed": found.entry.at}
        if not dry_run:
            reporter = sentry.Reporter(subject, wanted, account, session.engine, session.credentials)
            reporter.until.move(sentry_beside.REQUIRED_WITHIN)
            with progress.step(f"Report to Sentry: {subject.version.partition('@')[0]} {subject.sha[:8]}"):
                reporter.prepare()
                if reporter.known:
                    reporter.record(found.began, found.entry.seconds, again=True)
            for remark in reporter.remarks:
                progress.note(remark)
            if reporter.failures:
                raise SentryError("\n".join(reporter.failures), hint="repeat this task later; what was reported stays")
    if json:
        print(jsonlib.dumps(report))
    elif dry_run:
        print(table(_rows(subject, account.projects, found.entry)))


@task(
    changes=False,
    help={
        "env": ENV,
        "for": "How long to watch, such as 10m (the default). Stops at once if the release is unhealthy.",
        "json": JSON,
    },
)
def watch(_: Context, env: str = "", for_: str = "10m", json: bool = False) -> None:
    """Watch the health of the live release in Sentry.

    Ends with healthy (exit code 0), unhealthy (17) or inconclusive (18).
    """
    from tagship.project import here
    from tagship.reporting.table import table
    from tagship.sentry import account as sentry_account
    from tagship.sentry import watch as watching
    from tagship.sentry.api import SentryApi
    from tagship.sentry.health import limits
    from tagship.server import connection as services
    from tagship.variables import resolve

    config = here.config()
    settings, wanted = _configured(config, env)
    account, patience = sentry_account.of(wanted, os.environ), _duration(for_)
    with services.connect(settings) as opening:
        found = _deployed(opening.session(), "")
    place, previous = settings.place, found.previous
    name = resolve.sentry_variables(place, found.release.version.tag)["SENTRY_RELEASE"]
    before = resolve.sentry_variables(place, previous.version.tag)["SENTRY_RELEASE"] if previous else ""
    api = SentryApi(account)
    watcher = watching.Watch(api, settings.name, name, before, found.began, limits(wanted.watch))
    assessment = watcher.until(patience, _Printer(quiet=json), time.sleep)
    links = api.links(name, settings.name)
    if json:
        signals = [asdict(signal) for signal in assessment.signals]
        print(
            jsonlib.dumps({
                "release": name, "before": before, "verdict": assessment.verdict, "signals": signals,
                "remarks": assessment.remarks, "links": links,
            })
        )  # fmt: skip
    else:
        shown = table([(signal.name, signal.verdict, signal.said) for signal in assessment.signals])
        print(shown, *assessment.remarks, *(f"{what}: {link}" for what, link in links.items()), sep="\n")
    _refuse(assessment, watching.short(name), env)
    if not json:
        print(f"{watching.short(name)} is healthy.")


@dataclass(frozen=True)
class _LiveRelease:
    """A release that was proven live, from the ledger."""

    entry: ledger.Entry
    release: Release
    previous: Release | None

    @property
    def began(self) -> float:
        """The start of its deploy, in seconds since the epoch."""
        return datetime.fromisoformat(self.entry.at).timestamp()


def _rows(subject: Subject, projects: Sequence[str], entry: ledger.Entry) -> list[tuple[str, str]]:
    """The report as rows of a table."""
    brought = (
        f"{subject.previous[:8]}..{subject.sha[:8]}" if subject.previous else f"the newest, up to {subject.sha[:8]}"
    )
    return [
        ("release", subject.version),
        ("projects", ", ".join(projects)),
        ("commits", "reported with its first deploy" if subject.back else brought),
        ("source maps", "reported with its first deploy" if subject.back else subject.image or "none"),
        ("deploy", f"{subject.environment}, {subject.url}, {entry.at}, {entry.seconds:g} s"),
    ]


def _refuse(looked: Assessment, release: str, env: str) -> None:
    """Raises UnhealthyError or InconclusiveError."""
    from tagship.sentry.health import Verdict

    if looked.verdict is Verdict.UNHEALTHY:
        raise UnhealthyError(f"{release} is {looked}.", hint=f"run `tagship rollback --env {env}`")
    if looked.verdict is Verdict.INCONCLUSIVE:
        raise InconclusiveError(f"{release} is {looked}.", hint="watch longer, or look at the release in Sentry")


class _Printer:
    """Prints an assessment when it differs from the last one."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._said = ""
        self._began = time.monotonic()

    def __call__(self, assessment: object) -> None:
        if not self._quiet and str(assessment) != self._said:
            self._said = str(assessment)
            sys.stderr.write(f"  {time.monotonic() - self._began:6.1f} s  {assessment}\n")
            sys.stderr.flush()


def _configured(config: Config, env: str) -> tuple[Environment, SentrySettings]:
    settings = config.environment(env)
    if settings.sentry is None:
        raise ConfigError("tagship.yml has no `sentry`.", hint="add it; Tagship's docs/sentry.md shows how")
    return settings, settings.sentry


def _deployed(session: Session, sha: str) -> _LiveRelease:
    """The last good deploy of the live release, or of the given commit. Raises SourceError."""
    from tagship.server.observe import Reader

    with session.files() as edge:
        reader = Reader(session.engine, edge, session.place)
        observed = reader.observe()
        entry = _entry(observed, sha)
        record = reader.release(entry.release)
        if record is None:
            raise SourceError(f"The ledger has no record of {entry.release}.")
        before = reader.release(_brought(observed, entry).previous)
        return _LiveRelease(entry, record.release, before.release if before else None)


def _brought(observed: Observed, entry: ledger.Entry) -> ledger.Entry:
    """The entry that first deployed this commit, without rollbacks to it and changes of variables."""
    from tagship.proof.ledger import Action

    tags = {past.release: past.tag for past in observed.history}
    good = (past for past in observed.history if past.proves and past.tag == entry.tag)
    deploys = (past for past in good if past.action == Action.DEPLOY.value)
    return next((past for past in deploys if tags.get(past.previous) != entry.tag), entry)


def _entry(observed: Observed, sha: str) -> ledger.Entry:
    good = [entry for entry in observed.history if entry.proves]
    found = [entry for entry in good if (entry.tag.startswith(sha) if sha else entry.release == observed.live)]
    if len({entry.tag for entry in found}) > 1:
        raise SourceError(f"More than one release has a SHA that starts with {sha!r}.", hint="give more digits")
    if found:
        return found[-1]
    raise SourceError(
        f"{sha} was never live there." if sha else "Nothing was deployed there yet.", hint="see `tagship history`"
    )


def _duration(text: str) -> float:
    from tagship.project.values import duration

    try:
        return duration(text)
    except ValueError as error:
        raise ConfigError(f"--for: {error}.") from None
