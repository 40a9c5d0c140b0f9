"""`deploy`, `rollback` and `ship`: bring a release into an environment, and go back."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from functools import partial
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import BACKUP, DIRTY, DRY_RUN, ENV, EXPLAIN, JSON, VERBOSE, WAIT, task
from tagship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tagship.deploy.canary import Terms
    from tagship.project.schema import Environment

_LEAST, _MOST = 0.1, 99.9
"""The shares, in percent, that a canary may have."""

HOLD = "Wait up to this long (e.g. `30m`) before the cutover, until `candidate.accept` or `candidate.reject` is run."
CANARY = "Let `0.1%` to `99.9%` of all visitors try the new release before the cutover, and watch its errors."
FOR = "How long the canary lasts, e.g. `10m`. Default: `release.canary.for`, 5 minutes."


@task(
    help={
        "env": ENV,
        "sha": "The commit to deploy, any unambiguous prefix. Default: the current one.",
        "dirty": DIRTY,
        "backup": BACKUP,
        "hold": HOLD,
        "canary": CANARY,
        "for": FOR,
        "dry-run": DRY_RUN,
        "explain": EXPLAIN,
        "wait": WAIT,
        "json": JSON,
    }
)
def deploy(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    sha: str = "",
    dirty: bool = False,
    backup: str = "",
    hold: str = "",
    canary: str = "",
    for_: str = "",
    dry_run: bool = False,
    explain: bool = False,
    wait: int = 0,
    json: bool = False,
) -> None:
    """Deploy a commit to an environment.

    Drops no request, unless a service must stop first, which `--dry-run` says: starts the new release beside the old
    one, smoke-tests it, then switches traffic.
    """
    from tagship.project import here
    from tagship.server import connection

    settings, longest = here.config().brought(env), _seconds("hold", hold)
    terms = _terms(settings, canary, for_)
    with connection.connect(settings) as opening:
        printed = None if sha else _printed(settings)
        from tagship.commands.orders import RunOptions, bring, just, meant, order, released  # while ssh connects
        from tagship.proof.ledger import Action
        from tagship.reporting.progress import Progress

        how = RunOptions(Progress(quiet=json), wait, dry_run, json, backup, explain)
        with how.progress:
            version = meant(settings, sha, dirty=dirty)
            session, release, resolved = released(
                opening, settings, version, how.progress, planned=dry_run, printed=printed
            )
            bring(session, order(settings, Action.DEPLOY, just(release, resolved), longest, terms), how, version.tag)


def _printed(settings: Environment) -> Callable[[], str]:
    """What Compose prints of the work tree's files. It runs while Python imports what a deploy needs."""
    from tagship.project import here
    from tagship.source import compose_file
    from tagship.system.parallel import ahead

    return ahead(partial(compose_file.merged, settings.compose, here.folder(), settings.app))


def _seconds(option: str, said: str) -> float:
    """How long an option says; 0 if it isn't given. Raises UsageError."""
    from tagship.project.values import duration

    if not said:
        return 0
    try:
        found = duration(said)
    except ValueError:
        found = 0
    if not 0 < found < math.inf:
        raise UsageError(f"--{option} {said} is no duration.", hint=f"write it like --{option} 30m")
    return found


def _terms(settings: Environment, said: str, lasts: str) -> Terms | None:
    """How a canary goes; None for none. Raises UsageError."""
    from tagship.deploy.canary import Terms
    from tagship.project.values import percent

    if not said:
        if lasts:
            raise UsageError("--for says how long a canary lasts.", hint="add --canary 10%, or leave --for out")
        return None
    try:
        share = float(str(percent(said)))
    except ValueError:
        share = 0
    if not _LEAST <= share <= _MOST:
        raise UsageError(
            f"--canary {said} isn't a percentage from {_LEAST}% to {_MOST}%.",
            hint="write it like --canary 10%",
        )
    how = settings.release.canary
    return Terms(share, _seconds("for", lasts) or how.for_, how.errors)


@task(
    help={
        "env": ENV,
        "to": "The SHA of the release to restore, any unambiguous prefix. Default: the previous good release.",
        "yes": "Agree to lose the data that going back removes, e.g. in scripts.",
        "identity": "File with age's private key, for a restore. Default: TAGSHIP_IDENTITY, the key itself.",
        "keep-schema": "Reverse no migration, whatever the deploy declared.",
        "dry-run": DRY_RUN,
        "explain": EXPLAIN,
        "wait": WAIT,
        "json": JSON,
    }
)
def rollback(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    to: str = "",
    yes: bool = False,
    identity: str = "",
    keep_schema: bool = False,
    dry_run: bool = False,
    explain: bool = False,
    wait: int = 0,
    json: bool = False,
) -> None:
    """Go back to the previous good release.

    Restores it with its variables, smoke-tests it, then switches traffic. Reverses the migrations that the deploy
    declared it would take, or restores the backup made before them, and asks first if that loses data.
    """
    from tagship.project import here
    from tagship.server import connection

    settings = here.config().environment(env)
    with connection.connect(settings) as opening:
        from tagship.commands.orders import RunOptions, order  # while ssh connects
        from tagship.commands.orders_back import agreed, bring_back, former
        from tagship.proof.ledger import Action
        from tagship.reporting.progress import Progress

        how = RunOptions(Progress(quiet=json), wait, dry_run, json, explain=explain)
        with how.progress.step(f"Connect to {settings.engine}"):
            session = opening.session()
        what = order(settings, Action.ROLLBACK, former(settings, to, how.progress))
        agree = partial(agreed, settings, yes=yes)
        back = dataclasses.replace(what, agree=agree, keep_schema=keep_schema)
        bring_back(session, back, how, identity=identity, yes=yes)


@task(
    help={
        "env": "The environment of tagship.yml. Default: the one whose branch is checked out.",
        "dirty": DIRTY,
        "backup": BACKUP,
        "hold": HOLD,
        "canary": CANARY,
        "for": FOR,
        "dry-run": DRY_RUN,
        "wait": WAIT,
        "verbose": VERBOSE,
        "json": JSON,
    }
)
def ship(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    dirty: bool = False,
    backup: str = "",
    hold: str = "",
    canary: str = "",
    for_: str = "",
    dry_run: bool = False,
    wait: int = 0,
    verbose: bool = False,
    json: bool = False,
) -> None:
    """Test, lint, build, push and deploy, as CI does."""
    from tagship.project import here

    config = here.config()
    named = config.brought(env) if env else None
    printed = _printed(named) if named else None
    from tagship.commands import checks, shipping
    from tagship.commands.orders import RunOptions, bring, just, of_branch, order, reach, tell
    from tagship.engine import local
    from tagship.proof.ledger import Action
    from tagship.reporting.progress import Progress
    from tagship.server import connection

    settings = named or of_branch(config)
    longest, terms = _seconds("hold", hold), _terms(settings, canary, for_)
    shipment = shipping.prepare(config, settings, dirty=dirty, printed=printed)
    how = RunOptions(Progress(quiet=json, verbose=verbose), wait, dry_run, json, backup)
    ordered = partial(order, settings, Action.DEPLOY, hold=longest, canary=terms)
    tell(shipment.resolved, how.progress)
    if dry_run:
        shipment.preview(ordered, how)
        return
    with contextlib.redirect_stdout(sys.stderr if json else sys.stdout):  # stdout has only the JSON
        checks.run_all(config)
    # connect while the images are built
    with how.progress, connection.connect(settings) as opening, local.local_engine() as engine:
        pushed = shipment.build(engine, how.progress)
        session = reach(opening, how.progress)
        release = shipment.release(session, pushed)
        bring(session, ordered(just(release, shipment.resolved)), how, shipment.found.version.tag)
