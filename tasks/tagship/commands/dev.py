"""`dev.*`: the application on the developer's machine, from the developer's own Compose files."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from tagship.commands.run import after
from tagship.commands.task import JSON, task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tagship.setup.development import DevContainer, Development

SERVICE = "The service to run it in. Default: `dev.service`, or the one with migrations."
DRY_RUN = "Print the Docker command, and don't run it."


@task(
    help={
        "build": "Build images first, even if they exist.",
        "watch": "Then copy changed files into the containers until Ctrl-C, as `develop.watch` says.",
        "dry-run": DRY_RUN,
        "json": JSON,
    }
)
def up(_: Context, build: bool = False, watch: bool = False, dry_run: bool = False, json: bool = False) -> None:
    """Start the application on this machine.

    Runs Compose with the files that `docker compose` itself reads here, or those of `dev.compose`, so never with the
    overlay for deployment. Waits until every service is healthy, and prints the ports.
    """
    from tagship.reporting.progress import Progress

    of = _development()
    start = ["up", "--detach", "--remove-orphans", *(["--build"] if build else [])]
    if dry_run:
        print(of.shown(start))
        return
    _start(of, start)
    with Progress(quiet=json) as progress, progress.step("Wait until everything is healthy"):
        found = of.wait(of.config.dev.within, progress.note)
    print(jsonlib.dumps([asdict(each) for each in found]) if json else _table(found))
    watched = [name for name, settings in of.services.items() if (settings.get("develop") or {}).get("watch")]
    if watch:
        _exit(of.run(["watch", "--no-up"]))
    elif watched and not json:
        print(f"\n`tagship dev.up --watch` also copies changed files into {', '.join(watched)}.")


@task(help={"volumes": "Remove the volumes, too, with all data in them.", "dry-run": DRY_RUN})
def down(_: Context, volumes: bool = False, dry_run: bool = False) -> None:
    """Stop the application on this machine.

    Removes its containers and networks. Data in volumes stays.
    """
    _run(_development(), ["down", "--remove-orphans", *(["--volumes"] if volumes else [])], dry_run=dry_run)


@task(
    changes=False,
    help={
        "service": "Services, e.g. `web,db`. Default: all.",
        "follow": "Go on with new lines until Ctrl-C.",
        "tail": "The last lines of each container, a number or `all`.",
    },
)
def logs(_: Context, service: str = "", follow: bool = False, tail: str = "100") -> None:
    """Show what the containers on this machine print."""
    names = [name for name in service.split(",") if name]
    _run(_development(), ["logs", "--tail", tail, *(["--follow"] if follow else []), *names])


@task(help={"service": SERVICE, "dry-run": DRY_RUN})
def migrate(context: Context, service: str = "", dry_run: bool = False) -> None:
    """Apply migrations to this machine's database.

    Runs the framework's command, or `dev.migrate` of tagship.yml; words after `--` are added to it.
    """
    _inside(context, "migrate", service, dry_run=dry_run)


@task(help={"service": SERVICE, "dry-run": DRY_RUN})
def makemigrations(context: Context, service: str = "", dry_run: bool = False) -> None:
    """Write new migrations for changed models.

    Runs the framework's command, or `dev.makemigrations`; words after `--` are added to it, such as a name.
    """
    _inside(context, "makemigrations", service, dry_run=dry_run)


@task(help={"service": SERVICE, "dry-run": DRY_RUN})
def superuser(context: Context, service: str = "", dry_run: bool = False) -> None:
    """Create an administrator in this machine's database.

    Runs Django's `createsuperuser`, or `dev.superuser` of tagship.yml; words after `--` are added to it.
    """
    _inside(context, "superuser", service, dry_run=dry_run)


@task(help={"service": SERVICE, "dry-run": DRY_RUN})
def shell(context: Context, service: str = "", dry_run: bool = False) -> None:
    """Open the framework's shell on this machine.

    Runs `manage.py shell`, `rails console` or their like, or `dev.shell` of tagship.yml. With words after `--`, runs
    those instead: `tagship dev.shell -- bash`.
    """
    _inside(context, "shell", service, dry_run=dry_run)


@task(help={"service": SERVICE, "dry-run": DRY_RUN})
def run_tests(context: Context, service: str = "", dry_run: bool = False) -> None:
    """Run a service's tests in its container.

    Runs the recognised test command, or `dev.test` of tagship.yml; words after `--` are added to it. The suites that
    `tagship test` runs are another matter.
    """
    _inside(context, "test", service, dry_run=dry_run)


def _development() -> Development:
    from tagship.checks import suites
    from tagship.project import here
    from tagship.setup.development import Development

    return Development(here.config(), here.folder(), suites.environment())


def _inside(context: Context, name: str, service: str, *, dry_run: bool) -> None:
    """Run a command of the service's framework in its container."""
    from tagship.system import terminal

    of, more = _development(), after(context)
    chosen = service or of.service()
    argv = more if name == "shell" and more else [*of.command(name, chosen), *more]
    _run(of, of.inside(chosen, argv, terminal=terminal.interactive()), dry_run=dry_run)


def _run(of: Development, argv: Sequence[str], *, dry_run: bool = False) -> None:
    """Run Compose in the foreground, and end with its exit code."""
    if dry_run:
        print(of.shown(argv))
    else:
        _exit(of.run(argv))


def _start(of: Development, argv: Sequence[str]) -> None:
    """Run Compose with its output on stderr. Raises ToolError if it fails."""
    from tagship.errors import ToolError

    if code := of.run(argv, output=sys.stderr):
        raise ToolError(f"docker compose up ended with exit code {code}.", hint="read its output above")


def _exit(code: int) -> None:
    sys.stdout.flush()
    if code:
        raise Exit(code=code)


def _table(found: Sequence[DevContainer]) -> str:
    from tagship.reporting.table import table

    rows = [(each.service, each.state, ", ".join(each.addresses)) for each in found]
    return table(rows, ("service", "state", "address"))
