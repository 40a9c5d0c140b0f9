"""`run`, `exec`, `console` and `db.shell`: commands in the live release's image, or in a running container."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from tagship.commands.task import DRY_RUN, ENV, task
from tagship.errors import CheckError, ConfigError, EngineError, UsageError

_ABSENT = 127
"""The exit code of a shell, and of Docker, for a program that isn't there."""
_NO_PROGRAM = re.compile(r"executable file not found|exec: .*no such file or directory")

if TYPE_CHECKING:
    from tagship.engine.containers import Container
    from tagship.project.schema import Environment
    from tagship.server.present import Present
    from tagship.server.session import Session


@task(
    help={
        "env": ENV,
        "service": "The service to run it as. Default: the one with migrations, or the only one.",
        "detach": "Leave it running, and print its name; it is removed with its release.",
        "dry-run": DRY_RUN,
    }
)
def run(context: Context, env: str = "", service: str = "", detach: bool = False, dry_run: bool = False) -> None:
    """Run a command in a new container of the live release.

    `tagship run --env staging -- python manage.py createsuperuser`: with the image, variables, secrets, volumes and
    networks of that service's containers; the container is removed afterwards. Passes on input, output, exit code,
    Ctrl-C, and the terminal if there is one. If the connection breaks, the command is ended on the server.
    """
    argv = _words(context, "run")
    with _present(env) as (session, present):
        _run(
            session,
            present,
            service or default_service(session.settings, present),
            argv,
            detach=detach,
            dry_run=dry_run,
        )


@task(
    help={
        "env": ENV,
        "service": "The service or accessory, e.g. `web`, or `web-2` for its second container; required.",
        "user": "The user or UID to run it as. Default: the container's own.",
        "dry-run": DRY_RUN,
    },
    name="exec",
)
def exec_(context: Context, env: str = "", service: str = "", user: str = "", dry_run: bool = False) -> None:
    """Run a command in a running container.

    `tagship exec --env staging --service web -- sh`. Passes on input, output, exit code, Ctrl-C, and the terminal if
    there is one. If the connection breaks, the command is ended on the server.
    """
    argv = _words(context, "exec")
    if not service:
        raise UsageError("exec needs a container.", hint="give --service NAME")
    with _present(env) as (session, present):
        container = _running(present, service)
        if dry_run:
            print(f"exec  {container.name}: {shlex.join(argv)}")
            return
        _exit(_in(session, container, argv, user=user))


@task(
    help={
        "env": ENV,
        "service": "Whose console, as in tagship.yml's `console`. Default: the first one there.",
        "dry-run": DRY_RUN,
    }
)
def console(context: Context, env: str = "", service: str = "", dry_run: bool = False) -> None:
    """Open the application's console in a new container.

    Runs what tagship.yml's `console` says, as `run` would; for Django `manage.py shell` by default. Words after `--`
    are added to the command.
    """
    with _present(env) as (session, present):
        name, argv = _console(session.settings, service)
        _run(session, present, name, [*argv, *after(context)], detach=False, dry_run=dry_run)


@task(
    help={
        "env": ENV,
        "name": "The accessory. Default: the only database, otherwise the first of PostgreSQL, MySQL and Redis.",
        "dry-run": DRY_RUN,
    }
)
def db_shell(context: Context, env: str = "", name: str = "", dry_run: bool = False) -> None:
    """Open the database's own shell in its container.

    psql, mysql or redis-cli, with the user, database and password of the container's variables; the password is in no
    argument. Reads from stdin without a terminal: `tagship db.shell --env staging < report.sql`. Words after `--` are
    added to the command: `-- -c 'SELECT 1'`.
    """
    from tagship.server import database_shell

    more = after(context)
    with _present(env) as (session, present):
        container, shell = database_shell.of(session.engine, present, name)
        if not container.running:
            raise CheckError(
                f"{container.service} is {container.state}.", hint=f"start it: tagship accessories.up --env {env}"
            )
        if dry_run:
            print(f"exec  {container.name}: {shell.program} {shlex.join(more)}".rstrip())
            return
        _exit(_in(session, container, [*shell.argv, *more], environment=shell.environment()))


@contextmanager
def _present(env: str) -> Iterator[tuple[Session, Present]]:
    """A connected session, and what runs there."""
    from tagship.project import here
    from tagship.server import connection, present

    config = here.config()
    with connection.connect(config.environment(env)) as opening:
        session = opening.session()
        yield session, present.look(session)


def _run(  # noqa: PLR0913 - what to run, where, and how
    session: Session, present: Present, service: str, argv: Sequence[str], *, detach: bool, dry_run: bool
) -> None:
    from tagship.server import lock
    from tagship.server.one_off import OneOff
    from tagship.system import terminal

    live = present.release()
    like = present.one(live, service, accessories=False)
    if dry_run:
        print(f"run  {live}, {service}: {shlex.join(argv)}")
        return
    one_off = OneOff(session.engine, session.place, like, present.record, lock.holder("run").who)
    if detach:
        one_off.detached(argv)
        env, token = session.place.environment, one_off.token
        print(f"{service}-run-{token} runs; `tagship logs --env {env} --run {token} --follow` shows its output.")
        return
    try:
        _exit(one_off.run(argv, tty=terminal.interactive()))
    except EngineError as error:
        if not _NO_PROGRAM.search(error.problem):
            raise
        sys.stderr.write(f"The image of {service} has no program {argv[0]}.\n")
        raise Exit(code=_ABSENT) from None


def _in(
    session: Session,
    container: Container,
    argv: Sequence[str],
    *,
    user: str = "",
    environment: dict[str, str] | None = None,
) -> int:
    from tagship.server import one_off
    from tagship.system import terminal

    tty = terminal.interactive()
    return one_off.in_container(
        session.engine, session.place, container.id, argv, tty=tty, environment=environment, user=user
    )


def _exit(code: int) -> None:
    """End with the command's own exit code."""
    sys.stdout.flush()
    if code:
        raise Exit(code=code)


def _words(context: Context, task: str) -> list[str]:
    """The command after `--`. Raises UsageError."""
    if argv := after(context):
        return argv
    raise UsageError(f"{task} needs a command.", hint=f"write it after --: tagship {task} --env NAME -- COMMAND")


def after(context: Context) -> list[str]:
    """The words after `--`, untouched; Invoke joins them."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return words if " ".join(words) == context.remainder else shlex.split(context.remainder)


def _running(present: Present, service: str) -> Container:
    container = present.one(present.release(), service)
    if not container.running:
        raise CheckError(
            f"{service} is {container.state}.", hint="use `run`, which makes a container, or look at `tagship logs`"
        )
    return container


def default_service(settings: Environment, present: Present) -> str:
    """The service whose image a command most likely needs. Raises UsageError."""
    if migrations := settings.release.migrations:
        return migrations.service
    services = list(dict.fromkeys(c.service for c in present.of(present.release())))
    if len(services) == 1:
        return services[0]
    raise UsageError("run needs a service.", hint=f"give --service with one of: {', '.join(services)}")


def _console(settings: Environment, service: str) -> tuple[str, list[str]]:
    """Whose console, and its command. Raises ConfigError."""
    from tagship.release.shape import console

    known = console(settings)
    if not known:
        raise ConfigError("tagship.yml has no `console`.", hint="add one, e.g. console: {backend: bin/rails console}")
    if service and service not in known:
        raise ConfigError(f"tagship.yml has no console of {service}.", hint=f"use one of: {', '.join(known)}")
    name = service or next(iter(known))
    return name, known[name]
