"""Ledger entries of what is neither a deploy nor a rollback."""

from collections.abc import Mapping
from typing import Any

from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.server.target import LockedServer


def entry(environment: LockedServer, action: Action, result: str, what: Mapping[str, Any]) -> ledger.Entry:
    """An entry about the live release, by whoever holds the lock."""
    observed, holder = environment.observe(), environment.lease.holder
    return ledger.Entry(
        at=environment.now(),
        action=str(action),
        result=result,
        release=observed.live,
        tag=observed.live_record.release.version.tag if observed.live_record else "",
        by=holder.who,
        run=holder.run,
        **{**what, "why": " ".join(str(what.get("why", "")).split())},
    )
