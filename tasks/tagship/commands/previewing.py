"""Brings a preview up, and removes those that have expired."""

import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from tagship.commands import accessories as accessory_tasks
from tagship.commands import shipping
from tagship.commands.orders import RunOptions, bring, just, meant, order, reach, released, tell
from tagship.commands.removal import take_away
from tagship.commands.run import default_service
from tagship.deploy.previews import Preview, PreviewNow, expired, refuse_more
from tagship.engine import local
from tagship.errors import CheckError, HookError, LockedError, TagshipError
from tagship.names import Place, Version
from tagship.project.preview_settings import PreviewSettings, number_of
from tagship.project.schema import Config, Environment
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.model import Release
from tagship.reporting import report
from tagship.reporting.progress import Progress
from tagship.server import accessories, connection, lock, present, previews
from tagship.server.entries import entry
from tagship.server.lease import Lease
from tagship.server.one_off import OneOff
from tagship.server.session import Session
from tagship.system.signals import uninterrupted
from tagship.variables.resolve import Resolution

_SEEDING = 900
"""Seconds to wait while another preview.up seeds the same preview."""
_TURN = 120
"""Seconds to wait while another preview is let in, which may remove expired ones."""


def bring_up(  # noqa: PLR0913 - what, where and how
    config: Config, kept: PreviewSettings, settings: Environment, how: RunOptions, *, sha: str, dirty: bool
) -> None:
    """Let a preview in, bring it a commit's release, and seed it if it is new."""
    shipment = None if sha or how.dry_run else shipping.prepare(config, settings, dirty=dirty)
    with how.progress, connection.connect(settings) as opening, local.local_engine() as engine:
        if shipment:
            tell(shipment.resolved, how.progress)
            session, resolved = reach(opening, how.progress), shipment.resolved
            _refuse_shared(session, kept, shipment.found.sources.model)
            with admitted(session, kept, how):
                release = shipment.release(session, shipment.build(engine, how.progress))
        else:
            version = meant(settings, sha, dirty=dirty)
            session, release, resolved = released(opening, settings, version, how.progress, planned=how.dry_run)
            _refuse_shared(session, kept, release.sources.model)
            if how.dry_run:
                _foresee(session, kept, release, resolved, how)
                return
            with admitted(session, kept, how):
                pass
        _start_accessories(session, release.version, how.progress)
        bring(session, order(settings, Action.DEPLOY, just(release, resolved)), how, release.version.tag)
        if kept.seed:
            _seed_once(session, kept, how)


def _refuse_shared(session: Session, kept: PreviewSettings, model: Mapping[str, Any]) -> None:
    previews.refuse_shared(session.place, model)
    previews.refuse_foreign_database(session.settings, kept, model)


def prune(session: Session, kept: PreviewSettings, progress: Progress, *, spare: int = 0) -> list[int]:
    """Remove the previews that have expired; `spare` stays. Returns their numbers.

    One that is being deployed, or that can't be removed now, stays, and a note says so.
    """
    gone = []
    found = previews.observe(session)
    for each in found:
        if not each.marked and each.since + kept.ttl <= session.engine.now():
            progress.note(
                f"pr{each.number} stays: no preview.up made it, or the edge, which knows, doesn't run. "
                f"`tagship preview.down {each.number}` removes it."
            )
    for each in expired(found, kept.ttl, session.engine.now()):
        theirs = previews.session_of(session, kept, each.number)
        if each.number == spare:
            continue
        try:
            with Lease(session.engine, theirs.place, lock.holder("preview.prune")) as lease:
                if expired([_own(theirs)], kept.ttl, session.engine.now()):  # nobody has deployed it meanwhile
                    take_away(theirs, lease, progress, volumes=True)
                    gone.append(each.number)
        except (LockedError, CheckError) as error:
            progress.note(f"{theirs.place} has expired, but stays: {error.problem}")
    return gone


def now(each: Preview, kept: PreviewSettings, like: Environment) -> PreviewNow:
    """A preview as `preview.list` shows it."""
    settings, last = kept.preview(like, each.number), each.deployed
    state: Literal["live", "failed", "starting"] = "failed" if last else "starting"
    if each.live and last and last.result == ledger.GOOD:
        state = "live"
    return PreviewNow(
        number=each.number,
        environment=settings.name,
        url=settings.url,
        tag=last.tag if last else "",
        state=state,
        by=last.by if last else "",
        since=_iso(each.since),
        expires=_iso(each.since + kept.ttl),
    )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


@contextlib.contextmanager
def admitted(session: Session, kept: PreviewSettings, how: RunOptions) -> Iterator[None]:
    """Reserve a preview's place, if it is new and there is room. If the block fails, free it again.

    The place is its folder in the edge's volume. Raises CheckError.
    """
    who, number = lock.holder(f"preview.up {session.place.environment}"), number_of(session.place.environment)
    # two that come at once must not take the same last place
    with Lease(session.engine, Place(session.place.app, "previews"), who, wait=max(how.wait, _TURN)):
        prune(session, kept, how.progress, spare=number)
        there = previews.observe(session)
        refuse_more(there, number, kept.most)
        new = number not in {each.number for each in there}
        if not any(each.number == number and each.marked for each in there):
            with session.locked(who, wait=how.wait) as environment:
                environment.observe()
                environment.edge.mark_preview()
    try:
        yield
    except BaseException:
        if new:
            with uninterrupted(), contextlib.suppress(TagshipError), session.locked(who) as environment:
                there_now = environment.observe()
                if not there_now.live and not there_now.history:  # another preview.up may have deployed it meanwhile
                    environment.edge.forget()
        raise


def _foresee(session: Session, kept: PreviewSettings, release: Release, resolved: Resolution, how: RunOptions) -> None:
    """Print what `preview.up` would do. Raises CheckError if it would be refused."""
    settings, there = session.settings, previews.observe(session)
    own = next((each for each in there if each.number == number_of(settings.name)), None)
    old = [each for each in expired(there, kept.ttl, session.engine.now()) if each != own]
    refuse_more([each for each in there if each not in old], number_of(settings.name), kept.most)
    lines = [f"Remove pr{each.number}, which has expired" for each in old]
    if own and own.live:
        what = order(settings, Action.DEPLOY, just(release, resolved))
        bring(session, what, dataclasses.replace(how, before=tuple(lines)), release.version.tag)
        return
    if release.unbuilt:
        lines.append(f"Build {', '.join(sorted(release.unbuilt))}")
    if release.shape.accessories:
        lines.append(f"Start {', '.join(release.shape.accessories)}")
    lines.append(f"Deploy {release.version.short} to {settings.url}")
    if kept.seed:
        lines.append(f"Seed: {kept.seed}")
    report.plan("\n".join(lines), json=how.json)


def _start_accessories(session: Session, version: Version, progress: Progress) -> None:
    """Create and start the preview's own accessories; existing ones stay as they are."""
    with accessory_tasks.of_commit(session.settings, version, progress) as resolved:
        if not resolved.model.get("services"):
            return
        with progress.step(f"Start {', '.join(resolved.model['services'])}"):
            done = accessories.up(session, resolved, lock.holder(f"preview.up {session.settings.name}"))
    for name in done.differ:
        progress.note(f"{name} differs from the Compose file; preview.down and preview.up make a new one")


def _own(session: Session) -> Preview:
    """What the edge's files say of this one preview."""
    number = number_of(session.place.environment)
    return next((each for each in previews.observe(session) if each.number == number), Preview(number, 0))


def _seed_once(session: Session, kept: PreviewSettings, how: RunOptions) -> None:
    """Seed a preview that isn't seeded yet. A second preview.up of it waits until the first one has done it."""
    place = session.place
    turn = Place(place.app, f"{place.environment}-seed")
    who = lock.holder(f"preview.up {place.environment}")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(Lease(session.engine, turn, who, wait=max(how.wait, _SEEDING)))
        except LockedError as error:
            raise LockedError(
                f"Another preview.up has been seeding {place.environment} for a long time.",
                hint="wait for its end, or stop it, and run preview.up again",
            ) from error
        if not _own(session).seeded:
            _seed(session, kept, how)


def _seed(session: Session, kept: PreviewSettings, how: RunOptions) -> None:
    """Run the seed's command in the live release's image, and record it. Raises HookError if it fails."""
    there = present.look(session)
    service = kept.seed_service or default_service(session.settings, there)
    like = there.one(there.release(), service, accessories=False)
    who = lock.holder(f"preview.up {session.settings.name}")
    how.progress.note(f"seed: {kept.seed}")
    with contextlib.redirect_stdout(sys.stderr if how.json else sys.stdout):
        one_off = OneOff(session.engine, session.place, like, there.record, who.who)
        code = one_off.run(shlex.split(kept.seed), tty=False)
    why = f"{kept.seed} ended with exit code {code}" if code else ""
    with session.locked(who, wait=how.wait) as environment:
        result = ledger.FAILED if code else ledger.GOOD
        environment.record(entry(environment, Action.SEED, result, {"why": why}))
    if code:
        raise HookError(
            f"The seed failed: {why}.", hint="correct it; the next preview.up runs it again, and the preview serves"
        )
