"""What `status` shows of an environment: its live release, since when, and who is deploying."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tagship.deploy.observed import Observed, Standing
from tagship.edge import caddy
from tagship.edge.addresses import Addresses
from tagship.engine import containers
from tagship.errors import ConnectionFailedError, TagshipError
from tagship.proof.ledger import ON, Action
from tagship.reporting.table import since
from tagship.server import lock, observe
from tagship.server.lock import Lock
from tagship.server.observe import Reader
from tagship.server.session import Session
from tagship.system.parallel import ahead


@dataclass(frozen=True)
class Overview:
    """One environment, as `status --json` prints it."""

    environment: str
    live: str = ""
    edge: str = ""
    """`running`, `stopped` or `gone`; empty if nothing was ever deployed."""
    since: str = ""
    by: str = ""
    containers: str = ""
    idle: Sequence[str] = field(default_factory=list)
    """Services with stopped containers."""
    held: bool = False
    """Whether the edge answers 503 for it, as during a restore, or after one that was killed."""
    maintenance: str = ""
    """Since when, and by whom, maintenance is on: the edge answers 503 to visitors; empty if it is off."""
    canary: str = ""
    """The share of visitors that a candidate has before its cutover; empty if there is none."""
    lock: str = ""
    problem: str = ""
    """Why its state is unknown; empty if it was reached."""


def read(session: Session) -> Overview:
    """Read an environment's overview. Raises ConnectionFailedError."""
    try:
        held = ahead(lambda: lock.read(session.engine, session.place))
        with session.files() as files:
            if files is None:
                found, observed = _without_edge(session)
            else:
                at = Addresses.of(session.settings)
                observed = Reader(session.engine, files, session.place, at).observe()
                found = Overview(session.settings.name, edge="running", held=observed.routing.held)
        locked = _lock(held(), session.engine.now())
    except ConnectionFailedError:
        raise
    except TagshipError as error:  # the server's other environments have nothing to do with it
        return Overview(session.settings.name, problem=error.problem)
    entry = next((e for e in reversed(observed.history) if e.release == observed.live and e.brings), None)
    return replace(
        _counted(found, observed.standing(observed.live), live=observed.live),
        live=observed.live or found.live or "nothing yet",
        since=entry.at if entry else "",
        by=entry.by if entry else "",
        maintenance=_maintenance(observed),
        canary=_canary(observed),
        lock=locked,
    )


def _maintenance(observed: Observed) -> str:
    """What the ledger says of the maintenance that is on; somebody may have turned it on without a record."""
    if not observed.routing.closed:
        return ""
    entry = next((e for e in reversed(observed.history) if e.action == str(Action.MAINTENANCE)), None)
    if entry is None or entry.result != ON:
        return "on"
    return f"since {entry.at[:16].replace('T', ' ')} UTC by {entry.by}{f': {entry.why}' if entry.why else ''}"


def _canary(observed: Observed) -> str:
    """The candidate's share of the visitors, until its deploy ends it, or less than a minute after that was killed."""
    found = observed.canary
    if found is None or found.release == observed.live:  # an older version, which knows no canary, deployed it
        return ""
    short = found.release[-15:]
    if not found.lasts:
        return f"{short} had one when its deploy ended; it is over, and the next deploy tidies up"
    return f"{found.share:g}% of visitors reach {short}"


def _without_edge(session: Session) -> tuple[Overview, Observed]:
    """What is known without a running edge, for example after a power cut or a `docker rm`."""
    found = caddy.find(session.engine)
    releases = observe.standings(containers.listed(session.engine), session.place)
    live = caddy.live_of_stopped(session.engine, found["Id"], session.place) if found else ""
    running = [release.name for release in releases if release.runs]
    state = "stopped" if found else "gone" if releases else ""
    unknown = (", ".join(running) or "no release runs") if releases and not live else ""
    return Overview(session.settings.name, unknown, state), Observed(live=live, releases=releases)


def _counted(found: Overview, standing: Standing | None, *, live: str) -> Overview:
    if standing is None:
        return replace(found, containers="gone" if live else "")
    running, present = sum(standing.running.values()), sum(standing.present.values())
    idle = sorted(name for name, count in standing.present.items() if standing.running.get(name, 0) < count)
    return replace(found, containers=f"{running} of {present} running" if running else "stopped", idle=idle)


def _lock(held: Lock | None, now: float) -> str:
    """Who holds the lock, and for how long. After its holder was killed, it expires but stays until the next deploy."""
    if held is None:
        return ""
    if held.expires <= now:
        return f"{held.holder.who}, expired"
    how = held.holder.doing.partition(", ")[2]  # a candidate that is held, or a canary
    return f"{held.holder.who} for {since(now - held.since)}{f', {how}' if how else ''}"
