"""Applies a plan: one match with the complete list of planned effects; each change checks the lock."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import assert_never

from tagship.deploy.observed import Migrated
from tagship.deploy.steps import (
    Ask,
    Bake,
    Create,
    Cutover,
    Drain,
    Migrate,
    Plan,
    Prepare,
    Pull,
    Remove,
    Resume,
    Revive,
    Serve,
    SmokeTest,
    Start,
    Step,
    Stop,
)
from tagship.deploy.target import Onlooker, Target, Teller

Reporter = Callable[[str], AbstractContextManager[None]]
"""Shows a step while it runs, and how long it took."""


def apply(plan: Plan, target: Target, show: Reporter, look: Onlooker = bool, tell: Teller = bool) -> Migrated:
    """Perform every step, in order; stop at the first that fails. Returns what was migrated.

    `look` is called while a release bakes, `tell` while it migrates.
    """
    migrated = Migrated()
    for step in plan:
        with show(str(step)):
            if not isinstance(step, SmokeTest | Bake | Drain | Pull | Ask):
                target.still_ours()
            migrated = _perform(step, target, look, tell) or migrated
    return migrated


def _perform(  # noqa: C901, PLR0912 - the complete list
    step: Step, target: Target, look: Onlooker, tell: Teller
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
        case Migrate(rendered):
            return target.migrate(rendered, tell=tell)
        case Start(rendered, services):
            target.start(rendered, services)
        case Serve(candidate, live, to, elsewhere, here):
            target.serve(candidate, live, to=to, elsewhere=elsewhere, here=here)
        case SmokeTest(release, candidate):
            target.smoke_test(release, candidate=candidate)
        case Cutover(release):
            target.cutover(release)
        case Bake(release, seconds):
            target.bake(release, seconds, look)
        case Drain(release, seconds):
            target.drain(release, seconds)
        case Stop(release, services):
            target.stop(release, services)
        case Resume(release, services):
            target.resume(release, services)
        case Remove(release):
            target.remove(release)
        case _:
            assert_never(step)
    return None
