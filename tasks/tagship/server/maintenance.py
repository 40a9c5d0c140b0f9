"""Turns an environment's maintenance on and off, by a file that the edge reads for each request."""

from pathlib import Path

from tagship.edge import sites
from tagship.edge.traffic import Edge
from tagship.errors import CheckError, ConfigError, LockedError
from tagship.names import Holder
from tagship.project.maintenance_settings import MaintenanceSettings
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress
from tagship.server.session import Session
from tagship.server.target import LockedServer

LARGEST = 1_000_000
"""Bytes of a page: Caddy reads no larger file into an answer."""
_PLAIN = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Down for maintenance</title>
<body style="font: 1.1em/1.5 system-ui, sans-serif; max-width: 30em; margin: 20vh auto; padding: 0 1em">
<h1>Down for maintenance</h1>
<p>We are working on this site. Please try again in a few minutes.</p>
"""


def page(settings: MaintenanceSettings, folder: Path) -> bytes:
    """What visitors get. Raises ConfigError if it can't be read or is too large."""
    if not settings.page:
        return _PLAIN.encode()
    path = folder / settings.page
    try:
        found = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"maintenance.page: {settings.page} can't be read: {error.strerror}.",
            hint="correct its path in tagship.yml",
        ) from None
    if len(found) > LARGEST:
        raise ConfigError(
            f"maintenance.page: {settings.page} has {len(found):,} bytes.", hint="keep it below a megabyte"
        )
    return found


def foresee(session: Session) -> bool:
    """Whether maintenance is on. Raises CheckError if nothing is served, so that there is nothing to turn on or off."""
    with session.files() as edge:
        return _observed(session, edge)


def turn(  # noqa: PLR0913 - who, what and why
    session: Session, holder: Holder, shown: bytes, reason: str, progress: Progress, *, closed: bool
) -> bool:
    """Turn it on or off. Returns whether it was on.

    Another deploy doesn't prevent this, but then the ledger doesn't have it. Raises CheckError if nothing is served,
    LockedError if the edge needs new routes first.
    """
    try:
        with session.locked(holder) as environment:
            was = _observed(session, environment.edge)
            if closed:
                _install(environment, session, progress)
            _switch(environment.edge, shown, closed=closed)
            if was != closed:
                _record(environment, reason, closed=closed)
    except LockedError as error:
        with session.files() as edge:
            was = _observed(session, edge)
            if edge is None or not sites.has_switch(edge.read().http, session.place):
                raise
            _switch(edge, shown, closed=closed)
        progress.note(f"the ledger doesn't have this: {error.problem}")
    return was


def _observed(session: Session, edge: Edge | None) -> bool:
    """Whether it is on. Raises CheckError if nothing is served."""
    files = edge.read() if edge else None
    if files is None or not sites.served(files.http, session.place):
        raise CheckError(
            f"The edge doesn't serve {session.place}, so nobody reaches it anyway.", hint="deploy a release first"
        )
    return files.closed


def _install(environment: LockedServer, session: Session, progress: Progress) -> None:
    """Give the routes their switch, as tagship.yml says now; usually the last deploy did."""
    observed = environment.observe()
    served = sites.served(environment.edge.http, session.place)
    wanted = sites.switchable(served, session.place, session.settings.maintenance)
    if not observed.routing.held and environment.edge.serve(wanted):
        progress.note("the edge got new routes, once, which the next deploy would have brought")


def _switch(edge: Edge, shown: bytes, *, closed: bool) -> None:
    if closed:
        edge.close_site(shown)
    else:
        edge.open_site()


def _record(environment: LockedServer, reason: str, *, closed: bool) -> None:
    observed, holder = environment.observe(), environment.lease.holder
    environment.record(
        ledger.Entry(
            at=environment.now(),
            action=str(Action.MAINTENANCE),
            result=ledger.ON if closed else ledger.OFF,
            release=observed.live,
            tag=observed.live_record.release.version.tag if observed.live_record else "",
            by=holder.who,
            run=holder.run,
            why=" ".join(reason.split()),
        )
    )
