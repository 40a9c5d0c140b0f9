"""`port-forward`: a port of a service or an accessory, on this machine."""

import sys
import threading
from contextlib import suppress

from invoke.context import Context

from tagship.commands.task import ENV, task
from tagship.errors import StoppedError, UsageError


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
    from tagship.names import HIGHEST_PORT
    from tagship.project import here
    from tagship.server import connection, forwarding
    from tagship.system import relay

    if not service or not port:
        raise UsageError("port-forward needs a service and its port.", hint="give --service NAME --port NUMBER")
    if not all(0 <= number <= HIGHEST_PORT for number in (port, local)):
        raise UsageError(f"A port is a number up to {HIGHEST_PORT}.", hint="give --port and --local as such")
    with connection.connect(here.config().environment(env)) as opening:
        target = forwarding.Port(opening.session(), service, port)
        target.check()
        with relay.listening(local or port, target.dial, lambda why: print(why, file=sys.stderr)) as listens:
            print(f"{relay.LOOPBACK}:{listens} leads to {service}:{port} in {env}, until Ctrl-C.", flush=True)
            with suppress(StoppedError):
                threading.Event().wait()
