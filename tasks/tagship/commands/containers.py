"""`ps`, `restart` and `port-forward`: the containers of an environment, one by one."""

from __future__ import annotations

import json as jsonlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import ENV, JSON, WAIT, task
from tagship.errors import CheckError, StoppedError, TagshipError, UsageError

if TYPE_CHECKING:
    from tagship.engine.containers import Container
    from tagship.proof.ledger import Action
    from tagship.server.containers_now import Now
    from tagship.server.target import LockedServer

HOLDS = "has one container: the edge holds requests up to 10 s while it restarts; if it takes longer, they fail"


@task(
    changes=False,
    help={
        "env": ENV,
        "all": "Also the stopped containers of past releases, and one-offs that have ended.",
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

    Each must be ready before the next one stops. Where a service has several containers, the edge sends requests to the
    others meanwhile, and waits for those that are in flight. A single container can't be spared: the edge holds its
    requests for up to 10 seconds.
    """
    from tagship.project import here
    from tagship.proof.ledger import Action
    from tagship.reporting.progress import Progress
    from tagship.server import connection, lock, present, replicas
    from tagship.variables import resolve

    names = [name for name in service.split(",") if name]
    settings = here.config().environment(env)
    with Progress() as progress, connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        found = present.look(session)
        there = found.chosen(found.release(), names)
        _refuse_accessories(there, session.place.accessories, env)
        record = found.record
        if record is None:
            raise CheckError(f"The record of {found.live} can't be read.", hint="deploy that commit again")
        rendered = resolve.as_it_stands(settings, record, found.live, found.files.key if found.files else b"")
        groups = replicas.groups(rendered, there, names)
        routed = {route.service for route in rendered.release.shape.routes}
        for name, these in groups:
            if name in routed and len(these) == 1:
                progress.note(f"{name} {HOLDS}")
        if dry_run:
            print("\n".join(f"restart  {_named(c)}" for _, these in groups for c in these) or "Nothing to restart.")
            return
        with session.locked(lock.holder(f"restart {env}"), wait=wait) as environment:
            observed = environment.observe()
            if observed.live != found.live:
                raise CheckError(f"{observed.live} has become live meanwhile.", hint="repeat it")
            rolling = replicas.Rolling(environment, rendered, environment.site(observed), progress)
            with _recorded(environment, Action.RESTART, ", ".join(name for name, _ in groups)):
                for _name, these in groups:
                    rolling.restart(these)
        progress.total()
    print(f"Restarted {', '.join(_named(c) for _, these in groups for c in these) or 'nothing'}.")


@task(
    changes=False,
    help={
        "env": ENV,
        "service": "The service or accessory, e.g. `db`, or `web-2` for its second container; required.",
        "port": "Its port; required.",
        "local": "The port of this machine's loopback. Default: the same.",
    },
)
def port_forward(_: Context, env: str = "", service: str = "", port: int = 0, local: int = 0) -> None:
    """Reach a service's or accessory's port from here.

    `tagship port-forward --env staging --service db --port 5432`: until Ctrl-C, every connection to that port of this
    machine's loopback goes through the connection to the engine. Nothing is published on the server.
    """
    from tagship.project import here
    from tagship.server import connection, forwarding
    from tagship.system import relay

    if not service or not port:
        raise UsageError("port-forward needs a service and its port.", hint="give --service NAME --port NUMBER")
    with connection.connect(here.config().environment(env)) as opening:
        target = forwarding.Port(opening.session(), service, port)
        target.check()
        with relay.listening(local or port, target.dial, lambda why: print(why, file=sys.stderr)) as listens:
            print(f"{relay.LOOPBACK}:{listens} leads to {service}:{port} in {env}, until Ctrl-C.", flush=True)
            with suppress(StoppedError):
                threading.Event().wait()


@contextmanager
def _recorded(environment: LockedServer, action: Action, what: str) -> Iterator[None]:
    """Write into the ledger what was done, and how it ended."""
    from tagship.commands import recording
    from tagship.proof import ledger
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
            environment.record(recording.entry(environment, action, result, said))


def _refuse_accessories(there: Sequence[Container], project: str, env: str) -> None:
    if others := sorted({c.service for c in there if c.project == project}):
        raise CheckError(
            f"{', '.join(others)} is an accessory.", hint=f"use tagship accessories.restart --env {env} --name NAME"
        )


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
