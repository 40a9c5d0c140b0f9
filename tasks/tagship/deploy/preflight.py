"""What is wrong with a deploy before it has changed anything: all findings at once. Pure."""

from collections.abc import Iterator

from tagship.deploy.observed import Observed
from tagship.deploy.steps import Migrate, Plan, Pull
from tagship.release.model import Rendered

MIB = 1024 * 1024
LEAST_DISK = 1024 * MIB
"""Below this an engine can't unpack a middling image (python:3.12-slim with Django and GDAL is 0.7 GiB)."""
LEAST_MEMORY = 128 * MIB
"""Both releases run side by side for a while: less than this free, and the kernel ends one of them."""

_FIT = {"created", "running", "exited", "ended"}
"""States of accessories that are nothing to worry about, or that are said or mended otherwise."""


def findings(wanted: Rendered, observed: Observed, plan: Plan = ()) -> Iterator[str]:
    """Each problem of carrying out that plan, in one line."""
    shape = wanted.release.shape
    running = [release.name for release in observed.releases if release.runs]
    if running and observed.live and observed.standing(observed.live) is None and observed.live != wanted.name:
        yield (
            f"{observed.live!r} is live by the edge's file and has no containers; {', '.join(running)} runs. Say which "
            "is right: stop what runs, or write its name into the file `live` (docs/how-a-deploy-goes.md)."
        )
    if observed.routing.taken and shape.routes:
        yield f"{observed.routing.taken} on this server already: give this environment another host name, its `url`."
    if observed.one_offs and any(isinstance(step, Migrate) for step in plan):
        yield (
            f"A migration is still running in {', '.join(observed.one_offs)}, left by a deploy that was killed: wait "
            "until it has ended, or `docker stop` it on the server."
        )
    states = {name: observed.accessories.get(name, "created") for name in shape.accessories}
    if missing := [name for name, state in states.items() if state == "created"]:
        yield f"{', '.join(missing)} is not running: `tagship accessories.up` makes and starts accessories."
    if ill := [f"{name} is {state}" for name, state in states.items() if state not in _FIT]:
        yield f"{', '.join(ill)}: the release needs it running, and starting it wouldn't mend that."
    pulls = not plan or any(isinstance(step, Pull) for step in plan)
    if pulls and observed.disk_free is not None and observed.disk_free < LEAST_DISK:
        yield f"The server's disk has {observed.disk_free // MIB} MiB free; {LEAST_DISK // MIB} are needed."
    if observed.memory_free is not None and observed.memory_free < LEAST_MEMORY:
        yield f"The server has {observed.memory_free // MIB} MiB of memory free; {LEAST_MEMORY // MIB} are needed."
