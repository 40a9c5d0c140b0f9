"""`ps`, `restart` and `scale`: the containers of an environment, one by one."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import ENV, JSON, WAIT, task
from tagship.errors import CheckError, TagshipError, UsageError

if TYPE_CHECKING:
    from tagship.deploy.observed import Observed
    from tagship.engine.containers import Container
    from tagship.proof.ledger import Action
    from tagship.release.model import Rendered
    from tagship.server.containers_now import Now
    from tagship.server.present import Present
    from tagship.server.session import Session
    from tagship.server.target import LockedServer

MOST = 20
"""Containers of one service: the network of a release has 30 addresses."""


@task(
    changes=False,
    help={
        "env": ENV,
        "all": "Also the containers of past releases and of a candidate, and one-offs that have ended.",
        "json": JSON,
    },
)
def ps(_: Context, env: str = "", all: bool = False, json: bool = False) -> None:  # noqa: A002 - the option's name
    """Show CPU, memory, restarts, health of containers.

    Containers of the live release, accessories, and one-offs that run. CPU is measured for a second, in percent of one
    processor; memory is what `docker stats` shows.
    """
    from dataclasses import asdict

    from tagship.project import here
    from tagship.reporting.table import table
    from tagship.server import connection, containers_now, present

    with connection.connect(here.config().environment(env)) as opening:
        session = opening.session()
        found = present.look(session)
        shown = containers_now.read(session.engine, found, every=all)
    if json:
        print(jsonlib.dumps([asdict(now) for now in shown]))
    elif shown:
        several = len({now.release for now in shown if now.kind == "service"}) > 1
        rows = [_row(now, several=several, live=found.live) for now in shown]
        head = ("container", "cpu", "memory", "restarts", "since", "state")
        print(table(rows, head, drop=("since", "restarts")))
    else:
        print(f"Nothing runs in {env}.")


@task(
    help={
        "env": ENV,
        "service": "Services, e.g. `web,worker`. Default: all of the release.",
        "wait": WAIT,
        "dry-run": "Print which containers would restart, in which order, and restart none.",
    }
)
def restart(_: Context, env: str = "", service: str = "", wait: int = 0, dry_run: bool = False) -> None:
    """Restart services, one container at a time.

    A container that answers requests is replaced by a new one like it, which must be ready first; it then finishes its
    requests in flight. Others, singletons, and those that publish a port of the server, stop and start again.
    """
    from tagship.project import here
    from tagship.proof.ledger import Action
    from tagship.reporting.progress import Progress
    from tagship.server import connection, lock, replicas

    names = [name for name in service.split(",") if name]
    settings = here.config().environment(env)
    with Progress() as progress, connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        found, there, rendered = _live(session, names, f"use tagship accessories.restart --env {env} --name NAME")
        groups = replicas.groups(rendered, there, names)
        if dry_run:
            print("\n".join(f"restart  {_named(c)}" for _, these in groups for c in these) or "Nothing to restart.")
            return
        with session.locked(lock.holder(f"restart {env}"), wait=wait) as environment:
            _still(environment, found.live)
            rolling = replicas.Rolling(environment, rendered, progress)
            with _recorded(environment, Action.RESTART, ", ".join(name for name, _ in groups)):
                for _name, these in groups:
                    rolling.restart(these)
        progress.total()
    print(f"Restarted {', '.join(_named(c) for _, these in groups for c in these) or 'nothing'}.")


@task(
    help={
        "env": ENV,
        "service": "A service and how many containers it gets, e.g. `web=4`; required.",
        "wait": WAIT,
        "dry-run": "Print what would change, and change nothing.",
    }
)
def scale(_: Context, env: str = "", service: str = "", wait: int = 0, dry_run: bool = False) -> None:
    """Give a service more or fewer containers.

    `tagship scale --env staging --service web=4`, until the next release, which has as many as the Compose file says.
    New ones get requests when all are ready; those that go get none, and finish those in flight first.
    """
    from tagship.project import here
    from tagship.proof.ledger import Action
    from tagship.reporting.progress import Progress
    from tagship.server import connection, lock, scaling

    name, _equals, number = service.partition("=")
    if not name or not number.isdecimal() or not 0 < int(number) <= MOST:
        raise UsageError(
            f"--service {service!r} says no number.", hint=f"give NAME=NUMBER, from 1 to {MOST}: --service web=4"
        )
    count = int(number)
    with Progress() as progress, connection.connect(here.config().environment(env)) as opening:
        with progress.step("Connect"):
            session = opening.session()
        found, there, rendered = _live(session, [name], "set its number in the Compose file")
        these = sorted(there, key=_number)
        scaling.refuse(rendered, name, count, session.engine.get(f"/containers/{these[0].id}/json"))
        more = [f"{found.live}-{name}-{n}" for n in range(len(these) + 1, count + 1)]
        if dry_run or len(these) == count:
            print(f"{name} has {len(these)}" + (f" and would have {count}." if len(these) != count else " already."))
            return
        with session.locked(lock.holder(f"scale {env}"), wait=wait) as environment:
            _still(environment, found.live)
            with _recorded(environment, Action.SCALE, f"{name}: {len(these)} → {count}"):
                if more:
                    scaling.up(environment, rendered, these[0], more, progress)
                else:
                    scaling.down(environment, these[count:], progress)
        progress.total()
    print(f"{name} has {count} of {env}'s containers until the next release.")


def _live(session: Session, names: Sequence[str], hint: str) -> tuple[Present, list[Container], Rendered]:
    """What runs, these services' containers, and the live release as its containers have it.

    Raises CheckError, for an accessory with this hint.
    """
    from tagship.server import present
    from tagship.variables import resolve

    found = present.look(session)
    live = found.release()
    there = found.chosen(live, names)
    if others := sorted({c.service for c in there if c.project == session.place.accessories}):
        raise CheckError(f"{', '.join(others)} is an accessory.", hint=hint)
    record = found.record
    if record is None or found.files is None:
        raise CheckError(f"The record of {live} can't be read.", hint="deploy that commit again")
    return found, there, resolve.as_it_stands(session.settings, record, live, found.files.key)


def _still(environment: LockedServer, live: str) -> Observed:
    """What stands there, now that nobody else changes it. Raises CheckError if another release has become live."""
    observed = environment.observe()
    if observed.live != live:
        raise CheckError(f"{observed.live} has become live meanwhile.", hint="repeat it")
    return observed


def _number(container: Container) -> int:
    return int(container.name.rpartition("-")[2])


@contextmanager
def _recorded(environment: LockedServer, action: Action, what: str) -> Iterator[None]:
    """Write into the ledger what was done, and how it ended."""
    from tagship.proof import ledger
    from tagship.server import entries
    from tagship.system.signals import uninterrupted

    began = time.monotonic()
    result, why = ledger.FAILED, what
    try:
        yield
        result = ledger.GOOD
    except TagshipError as error:
        why = f"{what}: {error.problem.splitlines()[0]}"
        raise
    finally:
        with uninterrupted():
            said = {"why": why, "seconds": time.monotonic() - began}
            environment.record(entries.entry(environment, action, result, said))


def _named(container: Container) -> str:
    return container.name.removeprefix(f"{container.project}-")


def _row(now: Now, *, several: bool, live: str) -> tuple[str, ...]:
    """A container's cells; the last says only what isn't as it should be, apart from its health."""
    from datetime import UTC, datetime

    from tagship.reporting.table import ago, size

    cpu = "" if now.cpu is None else f"{now.cpu:.1f} %"
    memory = "" if now.memory is None else size(now.memory)
    if now.memory_limit and now.memory is not None:
        memory += f" of {size(now.memory_limit)}"
    state = now.health or now.state
    if now.exit_code is not None:
        state = f"{now.state} ({now.exit_code}{', out of memory' if now.out_of_memory else ''})"
    words = [state]
    if now.kind == "one-off":
        words.append(f"started by {now.by}" if now.by else "a migration")
    elif now.kind == "service" and several:
        words.append("live" if now.release == live else now.release)
    since = ago(now.started, datetime.now(UTC)) if now.started else ""
    return (now.name, cpu, memory, str(now.restarts), since, ", ".join(words))
