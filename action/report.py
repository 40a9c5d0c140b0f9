"""Collects a run's events; outputs, annotations and the summary are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SUCCESS, UNCHANGED, FAILURE, CANCELLED = "success", "unchanged", "failure", "cancelled"
_STOPPED = 130


@dataclass(frozen=True)
class Step:
    """One step of a task."""

    text: str
    seconds: float
    passed: bool


@dataclass(frozen=True)
class Failure:
    """The reason of a failure."""

    problem: str
    hint: str
    code: int
    kind: str


@dataclass
class Report:
    """Filled by `hear`, event by event."""

    steps: list[Step] = field(default_factory=list)
    suites: list[Mapping[str, Any]] = field(default_factory=list)
    outcomes: list[Mapping[str, Any]] = field(default_factory=list)
    plans: list[Mapping[str, Any]] = field(default_factory=list)
    approvals: list[Mapping[str, Any]] = field(default_factory=list)
    pushed: dict[str, str] = field(default_factory=dict)
    tag: str = ""
    serving: str | None = None
    """The release that serves after a failure: empty for none, None if nothing was changed."""
    failure: Failure | None = None
    code: int = 0

    def hear(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Add an event; ignore unknown kinds of later versions."""
        match kind:
            case "end":
                self.steps.append(Step(facts["step"], float(facts["seconds"]), bool(facts["ok"])))
            case "suite":
                self.suites.append(facts)
            case "pushed":
                self.pushed = dict(facts["images"])
                self.tag = facts["tag"]
            case "outcome":
                self.outcomes.append(facts)
                self.tag = facts["tag"]
            case "plan":
                self.plans.append(facts)
            case "approval":
                self.approvals.append(facts)
            case "serving":
                self.serving = facts["release"]
            case "failed":
                self.failure = Failure(facts["problem"], facts["hint"], int(facts["code"]), facts["error"])

    @property
    def last(self) -> Mapping[str, Any]:
        """The last deploy or rollback; empty if there was none."""
        return self.outcomes[-1] if self.outcomes else {}

    @property
    def digests(self) -> dict[str, str]:
        """Image → reference by digest: what was pushed, otherwise what was deployed."""
        return self.pushed or dict(self.last.get("images", {}))

    @property
    def status(self) -> str:
        """One of success, unchanged, failure, cancelled."""
        if self.code in {_STOPPED, -2, -15, -1}:
            return CANCELLED
        if self.code:
            return FAILURE
        return UNCHANGED if self.last and not self.last["changed"] else SUCCESS
