"""Sessions, of which Sentry makes release health: https://develop.sentry.dev/sdk/telemetry/sessions/."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any, Dict, Iterator

Row = Dict[str, Any]
BAD = ("errored", "crashed", "abnormal")


def rows(payload: dict[str, Any]) -> Iterator[Row]:
    """Give the rows of one session's state, or of the sums that an SDK on a server sends."""
    attributes = payload["attrs"]
    common = {"environment": attributes.get("environment"), "release": attributes["release"]}
    if "aggregates" in payload:
        for part in payload["aggregates"]:
            yield {**common, "id": uuid.uuid4().hex, "user": part.get("did"), **_at(part), **_summed(part)}
    else:
        yield {**common, "id": payload["sid"], "user": payload.get("did"), **_at(payload), **_single(payload)}


def _at(payload: dict[str, Any]) -> Row:
    started = datetime.fromisoformat(payload["started"].replace("Z", "+00:00"))
    return {"started": started.astimezone(timezone.utc).replace(tzinfo=None).isoformat()}


def _summed(part: dict[str, Any]) -> Row:
    bad = {f"sessions_{name}": part.get(name, 0) for name in BAD}
    return {**bad, "sessions_errored": sum(bad.values()), "sessions": part.get("exited", 0) + sum(bad.values())}


def _single(session: dict[str, Any]) -> Row:
    return {
        "sessions": 1,
        "sessions_errored": int(session.get("errors", 0) > 0 or session.get("status") in BAD),
        "sessions_crashed": int(session.get("status") == "crashed"),
        "sessions_abnormal": int(session.get("status") == "abnormal"),
    }
