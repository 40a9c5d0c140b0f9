"""Finds everything that prevents a deploy before it changes anything. Pure."""

from collections.abc import Iterator

from tagship.deploy.observed import Observed
from tagship.deploy.steps import Migrate, Plan, Pull
from tagship.proof.ledger import GOOD, Action
from tagship.release.model import Rendered

MIB = 1024 * 1024
LEAST_DISK = 1024 * MIB
"""With less, an engine can't unpack a medium-sized image (python:3.12-slim with Django and GDAL is 0.7 GiB)."""
LEAST_MEMORY = 128 * MIB
"""Both releases run side by side for a while; with less free memory, the kernel kills one of them."""

_FIT = {"created", "running", "exited", "ended"}
"""States of accessories that need no message here."""


def findings(new: Rendered, observed: Observed, plan: Plan = ()) -> Iterator[str]:
    """Each problem that prevents the plan, in one line."""
    shape = new.release.shape
    running = [release.name for release in observed.releases if release.runs]
    if running and observed.live and observed.standing(observed.live) is None and observed.live != new.name:
        yield (
            f"{observed.live!r} is live according to the edge's file but has no containers; {', '.join(running)} runs. "
            "Decide which is right: stop the running one, or write its name into `live`, as Tagship's "
            "docs/how-a-deploy-goes.md says."
        )
    if observed.routing.taken and shape.routes:
        yield f"{observed.routing.taken} on this server: change `url`, so that this environment has its own host name."
    if observed.one_offs and any(isinstance(step, Migrate) for step in plan):
        yield (
            f"A migration is still running in {', '.join(observed.one_offs)}, left by a deploy that was killed: wait "
            "until it ends, or stop it with `docker stop` on the server."
        )
    states = {name: observed.accessories.get(name, "created") for name in shape.accessories}
    environment = new.name.rsplit("-", 3)[-3]  # it has no hyphen
    if missing := [name for name, state in states.items() if state == "created"]:
        start = f"`tagship accessories.up --env {environment}` creates and starts it"
        yield f"{', '.join(missing)} is not running: {start}."
    if ill := [f"{name} is {state}" for name, state in states.items() if state not in _FIT]:
        yield f"{', '.join(ill)}: the release needs it, and starting it wouldn't help."
    pulls = not plan or any(isinstance(step, Pull) for step in plan)
    if pulls and observed.disk_free is not None and observed.disk_free < LEAST_DISK:
        yield f"The server's disk has {observed.disk_free // MIB} MiB free; {LEAST_DISK // MIB} MiB are needed."
    if observed.memory_free is not None and observed.memory_free < LEAST_MEMORY:
        yield f"The server has {observed.memory_free // MIB} MiB of memory free; {LEAST_MEMORY // MIB} MiB are needed."


def undrilled(observed: Observed, since: str) -> Iterator[str]:
    """Whether the last restore drill that passed is older than `since`, ISO 8601 in UTC; empty for no such rule."""
    passed = [entry.at for entry in observed.history if entry.action == Action.DRILL.value and entry.result == GOOD]
    if since and (not passed or passed[-1] < since):
        last = f"is of {passed[-1]}" if passed else "isn't in the ledger"
        yield f"The last drill that passed {last}, and tagship.yml demands a newer one: run `tagship backup.drill`."
