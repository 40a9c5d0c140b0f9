"""`candidate.*`: look at a release before its cutover, and decide whether it goes live."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import ENV, JSON, task
from tagship.errors import CheckError

if TYPE_CHECKING:
    from tagship.edge.traffic import Edge
    from tagship.project.schema import Environment

_ANSWERS = 10.0
"""Seconds within which a deploy looks at what was decided, over the slowest connection."""
_WOULD = "Say what would be decided, and decide nothing."


@task(changes=False, help={"env": ENV, "json": JSON})
def url(_: Context, env: str = "", json: bool = False) -> None:
    """Print the link to the candidate that waits.

    Works while `deploy --hold` or `--canary` waits. The link sets a cookie, with which the URL leads to the candidate;
    both end with the wait. Anyone who has the link sees the candidate.
    """
    from tagship.names import CANDIDATE_COOKIE

    with _held(env) as (settings, _edge, release, key):
        link = f"{settings.url.rstrip('/')}/?{CANDIDATE_COOKIE}={key}"
    print(jsonlib.dumps({"environment": env, "release": release, "url": link}) if json else link)


@task(help={"env": ENV, "dry-run": _WOULD})
def accept(_: Context, env: str = "", dry_run: bool = False) -> None:
    """Let a candidate that is held, or a canary, go live."""
    _decide(env, accepted=True, dry_run=dry_run)


@task(help={"env": ENV, "dry-run": _WOULD})
def reject(_: Context, env: str = "", dry_run: bool = False) -> None:
    """Remove a candidate that is held, or a canary.

    The deploy ends with exit code 12, and the live release serves on.
    """
    _decide(env, accepted=False, dry_run=dry_run)


def _decide(env: str, *, accepted: bool, dry_run: bool) -> None:
    from tagship.edge.state import ACCEPTED, REJECTED

    with _held(env) as (_settings, edge, release, _key):
        decision = ACCEPTED if accepted else REJECTED
        if not dry_run and not edge.decide(decision):
            raise _nothing(env)
        if not dry_run and not _obeyed(edge, decision):
            raise CheckError(
                f"{release} was {decision}, but the deploy that holds it doesn't answer.",
                hint=f"look whether it still runs, with `tagship status --env {env}`; if not, deploy again",
            )
    what = f"{decision}: its deploy goes on" if accepted else f"{decision}: its deploy removes it"
    print(f"{release} {'would be' if dry_run else 'is'} {what}.")


def _obeyed(edge: Edge, decision: str) -> bool:
    """Whether the deploy takes the decision up, which it does within about a second; a canary may wait anew then."""
    until = time.monotonic() + _ANSWERS
    while edge.decision() == decision:
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


@contextmanager
def _held(env: str) -> Iterator[tuple[Environment, Edge, str, str]]:
    """The environment, its edge, the candidate that waits, and its key. Raises CheckError."""
    from tagship.project import here
    from tagship.server import connection, lock

    settings = here.config().environment(env)
    with connection.connect(settings) as opening:
        session = opening.session()
        with session.files() as edge:
            release, key = edge.waiting() if edge else ("", "")
            deploy = lock.read(session.engine, session.place) if release else None
            # a deploy that was killed asks nobody any more
            if edge is None or deploy is None or deploy.expires < session.engine.now():
                raise _nothing(env)
            yield settings, edge, release, key


def _nothing(env: str) -> CheckError:
    return CheckError(
        f"No candidate waits in {env}.", hint=f"start one: tagship deploy --env {env} --hold 30m, or --canary 10%"
    )
