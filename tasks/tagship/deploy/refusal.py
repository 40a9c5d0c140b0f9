"""Refuses a plan that can't be carried out, before it changes anything."""

from collections.abc import Iterable, Iterator

from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Observed
from tagship.deploy.order import Order
from tagship.deploy.preflight import findings, undrilled
from tagship.deploy.rollout import shares
from tagship.deploy.steps import Canary, Cutover, Hold, Plan
from tagship.deploy.target import Environment
from tagship.errors import CheckError
from tagship.proof.ledger import Action
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress


def refuse(found: Iterable[str]) -> None:
    """Raises CheckError with every finding, if there is any; nothing has been changed yet."""
    if lines := list(found):
        raise CheckError("\n".join(lines), hint="solve this first; nothing was changed")


def problems(  # noqa: PLR0913, PLR0917 - a plan, and all that it depends on
    environment: Environment, order: Order, candidate: Candidate, before: Observed, plan: Plan, progress: Progress
) -> list[str]:
    """Everything that prevents a plan; for a rollback, only what makes it impossible."""
    volumes = environment.unfit(candidate)
    if order.action is Action.ROLLBACK:
        for line in volumes:
            progress.note(line)
        volumes = []
    drills = undrilled(before, order.drilled_since) if order.action is Action.DEPLOY else ()
    new = candidate.rendered
    return [
        *findings(new, before, plan),
        *volumes,
        *drills,
        *_unheld(order, new, plan),
        *_unshared(order, new, before, plan),
    ]


def _unheld(order: Order, new: Rendered, plan: Plan) -> Iterator[str]:
    """Why a candidate that people want to look at can't be shown before the cutover."""
    kinds = {type(step) for step in plan}
    if order.patience.hold and Cutover in kinds and Hold not in kinds:
        yield f"It can't be held: {_never_beside(new)}. Leave --hold out."


def _unshared(order: Order, new: Rendered, before: Observed, plan: Plan) -> Iterator[str]:
    """Why no share of the visitors can reach the candidate before the cutover."""
    kinds = {type(step) for step in plan}
    if order.patience.canary is None or Cutover not in kinds or Canary in kinds:
        return
    if not before.live:
        why = "nothing is live yet, whose visitors it could share"
    elif before.routing.closed:
        why = f"maintenance is on; `tagship maintenance.off --env {order.environment}` ends it"
    elif not shares(before):
        why = "the live release has no visitors: it has no route, or answers for maintenance"
    else:
        why = _never_beside(new)
    yield f"It can't have a canary: {why}. Leave --canary out."


def _never_beside(new: Rendered) -> str:
    """Why a candidate never serves beside the live release."""
    return "old containers stop before the new ones start" if new.routed else "it has no route"
