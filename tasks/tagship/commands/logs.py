"""`logs`: what the containers of a release or of accessories printed."""

from __future__ import annotations

from typing import Any

from invoke.context import Context

from tagship.commands.task import ENV, task

OPTIONS: dict[str, Any] = {
    "follow": "Go on with new lines until Ctrl-C, also after a restart or a deploy.",
    "since": "Only lines since then: `10m`, `2h30m`, `14:00`, or `2026-11-27T14:00`.",
    "tail": "The last lines of each container, a number or `all`. Default: 100, or all with --since.",
    "grep": "Only lines with this regular expression; `--tail` counts those. Big and small letters are the same.",
    "raw": "Print the lines as the app wrote them, without name and time.",
    "json": "Print each line as a JSON object.",
}


@task(
    changes=False,
    help={
        "env": ENV,
        "service": "Services or accessories, e.g. `web,db`. Default: all services of the release.",
        "run": "A one-off that was started with `run --detach`, by the end of its name.",
        "sha": "A past release that still stands, by the first digits of its commit. Default: the live one.",
        **OPTIONS,
    },
)
def logs(  # noqa: PLR0913 - one parameter for each option
    _: Context,
    env: str = "",
    service: str = "",
    run: str = "",
    sha: str = "",
    follow: bool = False,
    since: str = "",
    tail: str = "",
    grep: str = "",
    raw: bool = False,
    json: bool = False,
) -> None:
    """Show what the services print, merged by time.

    Lines of the live release's containers, each with its service's name and the time by this machine's clock. A line
    that is a JSON object is shown as its level, message and other fields. Values are shown as the app printed them.
    """
    from tagship.commands import showing
    from tagship.project import here
    from tagship.server import connection, present

    how, wanted = showing.Display(raw=raw, json=json), showing.wanted(since, tail, grep)
    names = [name for name in service.split(",") if name]
    config = here.config()
    with connection.connect(config.environment(env)) as opening:
        session = opening.session()
        found = present.look(session)
        chosen = [found.one_off(run)] if run else found.chosen(found.release(sha), names)
        which = wanted(session.engine.now())
        showing.show(session, chosen, which, how, names if follow else None, alone=bool(sha or run))
