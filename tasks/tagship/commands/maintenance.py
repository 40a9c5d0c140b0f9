"""`maintenance.on` and `maintenance.off`: answer 503 to visitors, while the app runs on."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import DRY_RUN, ENV, JSON, task

if TYPE_CHECKING:
    from tagship.names import Holder
    from tagship.project.schema import Environment
    from tagship.reporting.progress import Progress

REASON = "Why, for `status` and `history`."


@task(help={"env": ENV, "reason": REASON, "dry-run": DRY_RUN, "json": JSON})
def on(_: Context, env: str = "", reason: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Answer 503 to visitors, with the app's own page.

    Containers run on, and deploys work. `maintenance` in tagship.yml says which page it is, and which paths and
    addresses still reach the app. It stays on until `maintenance.off`.
    """
    _turn(env, reason, json=json, dry_run=dry_run, closed=True)


@task(help={"env": ENV, "reason": REASON, "dry-run": DRY_RUN, "json": JSON})
def off(_: Context, env: str = "", reason: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Let visitors reach the live release again."""
    _turn(env, reason, json=json, dry_run=dry_run, closed=False)


def _turn(env: str, reason: str, *, json: bool, dry_run: bool, closed: bool) -> None:
    from tagship.project import here
    from tagship.reporting.progress import Progress
    from tagship.server import connection, lock, maintenance

    settings = here.config().environment(env)
    page = maintenance.page(settings.maintenance, here.folder()) if closed else b""
    progress = Progress(quiet=json)
    with connection.connect(settings) as opening:
        session = opening.session()
        if dry_run:
            was = maintenance.foresee(session)
        else:
            holder = lock.holder(f"maintenance.{'on' if closed else 'off'} {env}")
            was = maintenance.turn(session, holder, page, reason, progress, closed=closed)
            if was != closed and settings.notify:
                _notify(settings, holder, reason, progress, closed=closed)
    if json:
        print(jsonlib.dumps({"environment": env, "on": closed, "was": was, "dry_run": dry_run}))
    elif was == closed:
        print(f"Maintenance of {env} {'is already on' if closed else 'is off'}.")
    else:
        print(_told(settings, closed=closed, would=dry_run))


def _notify(settings: Environment, holder: Holder, reason: str, progress: Progress, *, closed: bool) -> None:
    from tagship.companions.notify import News, tell

    what = "maintenance-on" if closed else "maintenance-off"
    news = News(what, settings.app, settings.name, settings.url, by=holder.who, run=holder.run, why=reason)
    for remark in tell(settings.notify, news):
        progress.note(remark)


def _told(settings: Environment, *, closed: bool, would: bool) -> str:
    if not closed:
        return f"{'Would serve' if would else 'Visitors reach'} {settings.url} again."
    kept = [*settings.maintenance.paths, *(f"visitors from {each}" for each in settings.maintenance.addresses)]
    still = f" Still reach the app: {', '.join(kept)}." if kept else ""
    return f"{settings.url} {'would answer' if would else 'answers'} 503 to visitors.{still}"
