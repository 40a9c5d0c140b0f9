"""Applies a plan: one match with the complete list of planned effects; each change checks the lock."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import assert_never

from tagship.deploy.canary import told
from tagship.deploy.observed import Migrated
from tagship.deploy.steps import (
    Ask,
    Bake,
    Canary,
    Create,
    Cutover,
    Drain,
    EndCanary,
    Hold,
    KeepAssets,
    Migrate,
    Plan,
    Prepare,
    Pull,
    Remove,
    Resume,
    Reverse,
    Revive,
    Serve,
    SmokeTest,
    Start,
    Step,
    Stop,
)
from tagship.deploy.target import NOBODY, Listeners, Target

Reporter = Callable[[str], AbstractContextManager[None]]
"""Shows a step while it runs, and how long it took."""


def apply(plan: Plan, target: Target, show: Reporter, listeners: Listeners = NOBODY) -> Migrated:
    """Perform every step, in order; stop at the first that fails. Returns what was migrated."""
    migrated, stopped = Migrated(), 0.0
    shared = any(isinstance(step, Canary) for step in plan)
    with ExitStack() as cutover:
        for step in plan:
            # requests wait only from a Stop to the Start that follows it at once
            stopped = time.monotonic() if isinstance(step, Stop) else stopped if isinstance(step, Start) else 0.0
            if isinstance(step, Canary if shared else Cutover):  # a hook would let a canary end meanwhile
                cutover.enter_context(listeners.around("cutover", {}))
            with show(str(step)):
                migrated = _perform_with_lock(step, target, listeners) or migrated
                if isinstance(step, Start) and stopped:
                    listeners.paused(time.monotonic() - stopped, step.services)
                    stopped = 0.0
            if isinstance(step, Cutover):
                cutover.close()
    return migrated


def _perform_with_lock(step: Step, target: Target, listeners: Listeners) -> Migrated | None:
    """Check the lock before a change, and after a step that lasts, because what follows needs a newer check."""
    if not isinstance(step, Pull | Ask | Bake | Drain | Hold):
        target.still_ours()
    migrated = _perform(step, target, listeners)
    if isinstance(step, Bake | Drain | Hold | Canary):
        target.still_ours()
    return migrated


def _perform(  # noqa: C901, PLR0912 - the complete list
    step: Step, target: Target, listeners: Listeners
) -> Migrated | None:
    match step:
        case Pull(images):
            target.pull(images)
        case Revive(accessories):
            target.revive(accessories)
        case Prepare(rendered):
            target.prepare(rendered)
        case Ask(rendered):
            target.ask(rendered)
        case Create(rendered):
            target.create(rendered)
        case Migrate(rendered, former):
            return target.migrate(rendered, former, listeners=listeners)
        case Reverse(rendered, plan):
            return target.reverse(rendered, plan, listeners)
        case Start(rendered, services):
            target.start(rendered, services)
        case KeepAssets(rendered, live):
            target.keep_assets(rendered, live)
        case Serve(candidate, live, to, elsewhere, here):
            target.serve(candidate, live, to=to, elsewhere=elsewhere, here=here)
        case SmokeTest(release, candidate):
            target.smoke_test(release, candidate=candidate)
        case Hold(release, seconds):
            listeners.tell(_decided(release))
            target.hold(release, seconds)
        case Canary(release, terms):
            listeners.tell(_decided(release))
            listeners.tried(told(*target.canary(release, terms, listeners.tell), terms))
        case EndCanary():
            target.end_canary()
        case Cutover(release):
            target.cutover(release)
        case Bake(release, seconds):
            target.bake(release, seconds, listeners.bake)
        case Drain(release, seconds, quiet):
            target.drain(release, seconds, quiet)
        case Stop(release, services):
            target.stop(release, services)
        case Resume(release, services):
            target.resume(release, services)
        case Remove(release):
            target.remove(release)
        case _:
            assert_never(step)
    return None


def _decided(release: str) -> str:
    """How people decide about a candidate that waits."""
    environment = release.rsplit("-", 3)[-3]  # it has no hyphen
    decided = f"`tagship candidate.accept --env {environment}` ends the wait, `candidate.reject` goes back"
    return f"{decided}, `candidate.url` prints the link"
