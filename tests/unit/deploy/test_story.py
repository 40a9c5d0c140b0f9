"""The steps of a deploy: what is recorded, what is undone, and what is only reported."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tagship.deploy import planning, refusal
from tagship.deploy import story as deploys
from tagship.deploy.canary import Terms, UnderWay
from tagship.deploy.candidate import Again, Candidate, Choice, Recorded
from tagship.deploy.companion import Companion, NoCompanion
from tagship.deploy.execution import Execution
from tagship.deploy.observed import Migrated, Observed, Routing
from tagship.deploy.order import Order
from tagship.deploy.outcome import Outcome
from tagship.deploy.preflight import findings
from tagship.deploy.rollback import choose_rollback
from tagship.deploy.rollback_plan import Former
from tagship.deploy.rollout import Patience, plan_rollout
from tagship.deploy.steps import Plan
from tagship.errors import (
    CheckError,
    ConfigError,
    EngineError,
    LockedError,
    MigrationError,
    RolloutError,
    SmokeTestError,
    StoppedError,
)
from tagship.names import Holder
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.release.model import Record, Rendered
from tagship.reporting.progress import Progress
from tagship.secret import Secret
from tagship.testing import MemoryTarget
from tagship.variables.resolve import Resolution
from tests.fakes.builders import MIGRATIONS, PLACE, Services, entry, observed, rendered

OLD, NEW = rendered("a"), rendered("b", migrations=MIGRATIONS)
NOTHING = Outcome("staging", NEW.name, NEW.release.version.tag, "", "https://x", changed=True, images={})


def rollout(target: MemoryTarget, wanted: Rendered = NEW) -> tuple[Execution, Plan]:
    """A rollout about to be carried out, and its plan."""
    before = target.observe()
    plan = plan_rollout(wanted, before, Patience())
    return Execution(target, before, wanted, Progress(quiet=True), entry(wanted, before.live), began=0), plan


def last(target: MemoryTarget) -> dict[str, Any]:
    """The ledger's last entry."""
    found: dict[str, Any] = json.loads(target.ledger[-1])
    return found


def failing(target: MemoryTarget, **fails: Exception) -> str:
    """What a person is told when it fails."""
    under_way, plan = rollout(target)
    target.fails = fails  # type: ignore[assignment]
    with pytest.raises(type(next(iter(fails.values())))) as caught:
        under_way.carry_out(plan, NOTHING)
    return str(caught.value)


def test_a_good_deploy_is_recorded_with_what_it_migrated() -> None:
    target = MemoryTarget.running(OLD)
    target.pending = ("shop.0002",)
    under_way, plan = rollout(target)

    outcome = under_way.carry_out(plan, NOTHING)

    assert outcome.migrations == ("shop.0002",)
    assert (last(target)["result"], last(target)["migrations"]) == (ledger.GOOD, ["shop.0002"])
    assert list(ledger.breaks(tuple(target.ledger))) == []
    assert target.observe().live_release == NEW.release


def test_an_entry_that_migrated_nothing_carries_the_last_known_schema_on() -> None:
    target = MemoryTarget(pending=("shop.0001",))
    first, plan = rollout(target)
    first.carry_out(plan, NOTHING)

    second, plan = rollout(target, OLD)
    second.carry_out(plan, NOTHING)

    assert last(target)["migrations"] == ["shop.0001"]


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        ("migrate", MigrationError("no column")),
        ("smoke_test", SmokeTestError("status 500")),
        ("still_ours", LockedError("gone")),
    ],
)
def test_a_failure_is_undone_recorded_and_says_who_is_serving(effect: str, error: Exception) -> None:
    target = MemoryTarget.running(OLD)
    before = target.observe().releases

    said = failing(target, **{effect: error})

    assert f"{OLD.name} is serving" in said
    assert target.live == OLD.name
    if effect != "still_ours":
        assert target.observe().releases == before
        assert (last(target)["result"], last(target)["release"]) == (ledger.FAILED, NEW.name)
        assert last(target)["why"] in said.replace("\n", " ")


def test_a_failure_behind_the_cutover_is_switched_back_and_recorded_so() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    switched = target.cutover

    def break_public_url(release: str) -> None:
        switched(release)
        target.fails = {"smoke_test": SmokeTestError("status 500")}

    target.cutover = break_public_url  # type: ignore[method-assign]
    with pytest.raises(SmokeTestError, match=f"{OLD.name} is serving"):
        under_way.carry_out(plan, NOTHING)

    assert target.live == OLD.name
    assert last(target)["result"] == ledger.SWITCHED_BACK


def test_a_failed_first_deploy_says_that_nothing_is_serving() -> None:
    assert "nothing is serving" in failing(MemoryTarget(), start=EngineError("no", status=500))


def test_a_way_back_that_fails_too_does_not_hide_the_first_error(capsys: pytest.CaptureFixture[str]) -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    under_way.progress = Progress()
    target.fails = {"start": SmokeTestError("the first"), "remove": EngineError("the second")}

    with pytest.raises(SmokeTestError, match="the first"):
        under_way.carry_out(plan, NOTHING)

    said = capsys.readouterr().err
    assert f"Remove {NEW.name}: the second" in said
    assert f"left: Remove {NEW.name}" in said


def test_a_way_back_goes_on_after_a_step_that_fails() -> None:
    beat: Services = {"web": {}, "beat": {}}
    old, new = rendered("a", beat), rendered("b", beat, singletons=("beat",))
    target = MemoryTarget.running(old)
    under_way, plan = rollout(target, new)
    done = target.start

    def crash(rendered: Rendered, services: Sequence[str]) -> None:
        if "beat" in services:
            target.fails = {"serve": EngineError("412"), "drain": EngineError("no answer")}
            raise RolloutError("beat crashed")
        done(rendered, services)

    target.start = crash  # type: ignore[method-assign]
    with pytest.raises(RolloutError, match=f"{old.name} is serving"):
        under_way.carry_out(plan, NOTHING)

    assert target.live == old.name
    assert target.observe().standing(old.name).running == {"web": 1, "beat": 1}  # type: ignore[union-attr]
    assert last(target)["result"] == ledger.SWITCHED_BACK


def test_a_failed_cutover_back_leaves_the_release_that_is_live_alone() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    switched = target.cutover

    def break_everything(release: str) -> None:
        switched(release)
        target.fails = {"smoke_test": SmokeTestError("status 500"), "cutover": EngineError("gone")}

    target.cutover = break_everything  # type: ignore[method-assign]
    with pytest.raises(SmokeTestError, match=f"{NEW.name} is serving"):
        under_way.carry_out(plan, NOTHING)

    assert target.observe().runs(NEW.name)
    assert last(target)["result"] == ledger.FAILED


def test_the_release_is_recorded_before_anything_is_tidied_up() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)

    under_way.carry_out(plan, NOTHING)

    assert target.changes.index("record") < target.changes.index(f"stop {OLD.name} web")


def test_stopped_while_tidying_up_the_release_stays_and_what_is_left_is_said() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    target.fails = {"stop": StoppedError("Stopped by SIGINT.")}

    outcome = under_way.carry_out(plan, NOTHING)

    assert (target.live, last(target)["result"], outcome.seconds >= 0) == (NEW.name, ledger.GOOD, True)
    assert f"{NEW.name} is serving, and recorded; the next deploy will Stop {OLD.name}" in str(under_way.stopped)


def test_a_release_that_can_not_be_recorded_is_put_back() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    target.fails = {"record": EngineError("disk full")}

    with pytest.raises(EngineError, match="disk full"):
        under_way.carry_out(plan, NOTHING)

    assert (target.live, target.observe().proven) == (OLD.name, True)


def test_says_that_nothing_serves_where_what_is_live_does_not_run() -> None:
    target = MemoryTarget.running(OLD)
    target.stop(OLD.name, ())

    assert "nothing is serving" in failing(target, start=EngineError("no"))


def test_says_that_nobody_can_tell_what_serves_where_the_environment_does_not_answer() -> None:
    assert "see `tagship status`" in failing(
        MemoryTarget.running(OLD), start=EngineError("no"), observe=EngineError("gone")
    )


def test_an_error_of_our_own_making_is_undone_too_and_keeps_its_traceback() -> None:
    target = MemoryTarget.running(OLD)

    failing(target, start=ZeroDivisionError("ours"))

    assert target.observe().standing(NEW.name) is None
    assert last(target)["why"] == "ours"


def test_a_cancelled_deploy_is_undone() -> None:
    target = MemoryTarget.running(OLD)

    failing(target, start=StoppedError("Stopped by SIGTERM."))

    assert target.observe().standing(NEW.name) is None
    assert target.live == OLD.name


@pytest.mark.parametrize(
    ("effect", "said"), [("stop", "busy. The next deploy will do what is left of it."), ("drain", "busy.")]
)
def test_failing_to_tidy_up_is_a_warning_and_no_reason_to_go_back(effect: str, said: str) -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    target.fails = {effect: EngineError("busy.")}

    outcome = under_way.carry_out(plan, NOTHING)

    assert outcome.warnings[0].rpartition(": ")[2] == said
    assert target.live == NEW.name
    assert last(target)["result"] == ledger.GOOD


def test_what_could_not_be_drained_runs_on_because_it_may_still_answer() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    target.fails = {"drain": EngineError("busy")}

    outcome = under_way.carry_out(plan, NOTHING)

    assert target.observe().runs(OLD.name)
    assert "may still answer" in outcome.warnings[1]


def test_nothing_more_is_cleaned_up_once_the_lock_is_lost() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    recorded = target.record

    def lose_the_lock(entry: ledger.Entry) -> None:
        recorded(entry)
        target.fails = {"still_ours": LockedError("The lock was lost.")}

    target.record = lose_the_lock  # type: ignore[method-assign]
    outcome = under_way.carry_out(plan, NOTHING)

    assert target.observe().runs(OLD.name)
    assert outcome.warnings == ("The lock was lost. Nothing more was cleaned up; the next deploy will do that.",)


def test_a_release_is_not_recorded_without_the_lock() -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)
    served, lines = target.bake, list(target.ledger)

    def lose_the_lock(release: str, seconds: float, look: Any) -> None:  # noqa: ANN401
        served(release, seconds, look)
        target.fails = {"still_ours": LockedError("gone")}

    target.bake = lose_the_lock  # type: ignore[method-assign]
    plan = plan_rollout(NEW, under_way.before, Patience(bake=1))
    with pytest.raises(LockedError):
        under_way.carry_out(plan, NOTHING)

    assert target.ledger == lines


def test_migrating_alone_leaves_no_containers_and_the_live_release_alone() -> None:
    target = MemoryTarget.running(OLD)
    target.pending = ("shop.0002",)
    before = target.observe()
    under_way, _ = rollout(target)

    assert under_way.migrate(dry_run=False) == Migrated(("shop.0002",), ("shop.0002",))

    assert (target.live, target.observe().releases) == (before.live, before.releases)
    assert last(target)["migrations"] == ["shop.0002"]


def test_looking_at_what_is_pending_applies_and_records_nothing() -> None:
    target = MemoryTarget.running(OLD)
    target.pending = ("shop.0002",)
    lines = list(target.ledger)
    under_way, _ = rollout(target)

    assert under_way.migrate(dry_run=True).applied == ("shop.0002",)

    assert (target.pending, target.ledger) == (("shop.0002",), lines)


def test_a_failed_migration_alone_leaves_nothing_behind() -> None:
    target = MemoryTarget.running(OLD)
    under_way, _ = rollout(target)
    target.fails = {"migrate": MigrationError("no")}

    with pytest.raises(MigrationError):
        under_way.migrate(dry_run=False)

    assert target.changes[-1] == f"remove {NEW.name}"


def test_migrating_for_the_live_release_keeps_its_containers() -> None:
    target = MemoryTarget.running(NEW)
    target.pending = ("shop.0002",)
    under_way, _ = rollout(target)

    under_way.migrate(dry_run=False)

    assert target.observe().standing(NEW.name)


def test_findings_are_said_all_at_once_and_before_anything_is_changed() -> None:
    with pytest.raises(CheckError) as caught:
        refusal.refuse(["one", "two"])

    assert caught.value.problem == "one\ntwo"
    refusal.refuse([])


def choice(release: Rendered = NEW) -> Choice:
    """Chooses that release, whatever is observed."""
    resolved = Resolution(PLACE, release.model, {}, {"PASSWORD": Secret("s3cr3t")})
    return lambda observed, _: Candidate(resolved.rendered(release.release, observed.key), resolved.secrets)


def again(observed: Observed, record: Record) -> Candidate:
    """What was deployed, as it was."""
    model = NEW.model if record.release == NEW.release else OLD.model
    resolved = Resolution(PLACE, model, {}, {"PASSWORD": Secret("s3cr3t")})
    return Candidate(resolved.rendered(record.release, observed.key), resolved.secrets)


ME = Holder("me", "deploy staging", "https://ci.example.com/1")


def order(choose: Choice, *, back: Again = again, action: Action = Action.DEPLOY) -> Order:
    """What is to be done to staging."""
    return Order("staging", "https://x", action, ME, choose, back, Patience(drain=7, bake=1))


def deliver(  # noqa: PLR0913 - what a deploy depends on
    environment: MemoryTarget,
    choose: Choice,
    *,
    back: Again = again,
    action: Action = Action.DEPLOY,
    companion: Companion | None = None,
    quiet: bool = True,
) -> Outcome:
    """Carry it out."""
    what = order(choose, back=back, action=action)
    return deploys.rollout(environment, what, Progress(quiet=quiet), companion or NoCompanion())


def test_deploys_what_is_chosen() -> None:
    environment = MemoryTarget()

    def choose(observed: Observed, recorded: Recorded) -> Candidate:
        assert recorded("nothing") is None
        return choice()(observed, recorded)

    outcome = deliver(environment, choose)

    assert (outcome.changed, outcome.environment, outcome.previous) == (True, "staging", "")
    assert environment.live == outcome.release
    assert environment.secrets == {"PASSWORD": Secret("s3cr3t")}
    written = last(environment)
    assert (written["action"], written["by"], written["run"]) == ("deploy", "me", "https://ci.example.com/1")
    assert "s3cr3t" not in repr(environment.ledger)


def with_canary(choose: Choice) -> Order:
    """A deploy with a canary."""
    return dataclasses.replace(order(choose), patience=Patience(canary=Terms(10, 60)))


def test_how_a_canary_went_is_in_the_ledger() -> None:
    environment = MemoryTarget()
    deliver(environment, choice(OLD))

    deploys.rollout(environment, with_canary(choice(NEW)), Progress(quiet=True), NoCompanion())

    assert last(environment)["why"] == "canary 10%: no request reached the candidate"


def test_a_canary_without_visitors_is_refused_before_anything_is_changed() -> None:
    environment = MemoryTarget()

    with pytest.raises(CheckError, match=r"It can't have a canary: nothing is live yet.* Leave --canary out\."):
        deploys.rollout(environment, with_canary(choice()), Progress(quiet=True), NoCompanion())
    assert environment.changes == []

    deliver(environment, choice(ALONE[0]))
    environment.changes.clear()
    with pytest.raises(CheckError, match="old containers stop before the new ones start"):
        planning.preview(environment, with_canary(choice(ALONE[1])), Progress(quiet=True), NoCompanion())
    assert environment.changes == []


def test_the_next_deploy_says_that_it_ends_what_a_killed_canary_left(capsys: pytest.CaptureFixture[str]) -> None:
    environment = MemoryTarget()
    deliver(environment, choice(OLD))
    environment.under_way = UnderWay("shop-staging-cccccccc-dddddd", 10, lasts=False)

    deliver(environment, choice(OLD), quiet=False)

    assert environment.under_way is None
    assert "End the canary of shop-staging-cccccccc-dddddd: all visitors" in capsys.readouterr().err


def test_what_is_live_already_is_no_deploy_and_not_recorded() -> None:
    environment = MemoryTarget()
    deliver(environment, choice())
    environment.changes.clear()

    outcome = deliver(environment, choice())

    assert not outcome.changed
    assert environment.changes == []
    assert len(environment.ledger) == 1


def unrecorded(environment: MemoryTarget) -> None:
    """Have NEW live, whole but never recorded, beside OLD: its deploy was killed while it stopped OLD."""
    deliver(environment, choice(OLD))
    deliver(environment, choice(NEW))
    environment.ledger.pop()
    (old,) = (release.name for release in environment.observe().releases if release.name != environment.live)
    environment.resume(old, ("web",))
    environment.changes.clear()


def test_what_is_live_and_was_never_recorded_is_proven_and_recorded() -> None:
    environment = MemoryTarget()
    unrecorded(environment)

    outcome = deliver(environment, choice(NEW))

    assert outcome.changed
    assert [json.loads(line)["release"] for line in environment.ledger][-1] == outcome.release
    assert not deliver(environment, choice(NEW)).changed


def test_a_first_deploy_whose_smoke_test_failed_is_not_called_done() -> None:
    environment = MemoryTarget()
    deliver(environment, choice())
    environment.ledger.clear()
    environment.fails = {"smoke_test": SmokeTestError("status 500")}

    with pytest.raises(SmokeTestError):
        deliver(environment, choice())


def test_what_is_live_and_proven_but_does_not_answer_is_not_nothing_to_do() -> None:
    environment = MemoryTarget()
    deliver(environment, choice())
    environment.fails = {"smoke_test": SmokeTestError("status 500")}

    with pytest.raises(SmokeTestError, match="status 500"):
        deliver(environment, choice())


ALONE = [rendered(digit, singletons=("web",)) for digit in "abc"]
"""Releases whose only service never runs twice, and answers requests."""


def exchanging(environment: MemoryTarget, *, stopped: bool) -> tuple[str, Again]:
    """Have a deploy be killed after its cutover, before what never runs twice starts. Returns the proven release."""
    for release in ALONE[:2]:
        deliver(environment, choice(release))
    environment.ledger.pop()
    (old,) = (release.name for release in environment.observe().releases if release.name != environment.live)
    environment.stop(environment.live, ("web",))
    if not stopped:
        environment.resume(old, ("web",))

    def render(observed: Observed, record: Record) -> Candidate:
        (release,) = (each for each in ALONE if each.release == record.release)
        return choice(release)(observed, environment.release)

    return old, render


@pytest.mark.parametrize("stopped", [False, True])
def test_a_killed_exchange_that_can_not_be_finished_goes_back_to_what_is_proven(*, stopped: bool) -> None:
    environment = MemoryTarget()
    old, back = exchanging(environment, stopped=stopped)
    environment.fails = {"start": RolloutError("web crashed")}

    with pytest.raises(RolloutError, match=f"web crashed(.|\n)*{old} is serving"):
        deliver(environment, choice(ALONE[1]), back=back)

    assert (environment.live, environment.observe().runs(old)) == (old, True)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_killed_exchange_is_undone_before_another_commit_is_deployed(*, stopped: bool) -> None:
    environment = MemoryTarget()
    old, _ = exchanging(environment, stopped=stopped)
    environment.fails = {"pull": RolloutError("the registry is down")}

    def unknown(_observed: Observed, _record: Record) -> Candidate:
        raise CheckError("A variable is missing.")

    with pytest.raises(RolloutError, match=f"{old} is serving"):
        deliver(environment, choice(ALONE[2]), back=unknown)

    assert (environment.live, environment.observe().runs(old)) == (old, True)
    environment.fails.clear()
    deliver(environment, choice(ALONE[2]), back=unknown)
    assert [json.loads(line)["result"] for line in environment.ledger] == ["ok", "failed", "ok"]


def test_a_deploy_finds_and_records_late_what_a_killed_one_made_live(capsys: pytest.CaptureFixture[str]) -> None:
    environment = MemoryTarget()
    unrecorded(environment)
    left = environment.live
    environment.left_by = Holder("ci", "deploy staging")

    third = rendered("c")
    deliver(environment, choice(third), quiet=False)

    late, newest = (json.loads(line) for line in environment.ledger[-2:])
    assert (late["release"], late["result"], late["why"], late["by"]) == (left, ledger.GOOD, "recorded late", "ci")
    assert newest["previous"] == left
    assert "left unfinished by a deploy that was killed" in capsys.readouterr().err


def test_a_rollback_finds_its_way_after_a_deploy_that_was_never_recorded() -> None:
    environment = MemoryTarget()
    unrecorded(environment)

    def back(observed: Observed, recorded: Recorded) -> Candidate:
        record = recorded(choose_rollback(observed)[0])
        assert record
        return again(observed, record)

    outcome = deliver(environment, back, action=Action.ROLLBACK)

    assert outcome.tag == OLD.release.version.tag


def test_what_a_killed_deploy_made_live_and_does_not_answer_is_recorded_so() -> None:
    environment = MemoryTarget()
    unrecorded(environment)

    def other(observed: Observed, record: Record) -> Candidate:  # its secrets have changed
        chosen = again(observed, record)
        return Candidate(dataclasses.replace(chosen.rendered, name=chosen.rendered.name[:-6] + "ffffff"))

    passed, environment.fails = environment.smoke_test, {"smoke_test": SmokeTestError("no\nstatus 500")}

    def fail_once(release: str, *, candidate: bool) -> None:
        try:
            passed(release, candidate=candidate)
        finally:
            environment.fails = {}

    environment.smoke_test = fail_once  # type: ignore[method-assign]
    deliver(environment, choice(rendered("c")), back=other)

    assert [json.loads(line)["result"] for line in environment.ledger] == ["ok", "failed", "ok"]
    assert json.loads(environment.ledger[1])["why"] == "recorded late: status 500"


def test_whoever_lost_the_lock_says_what_of_its_own_still_runs(capsys: pytest.CaptureFixture[str]) -> None:
    old, ours, theirs = map(rendered, "abc")
    target = MemoryTarget.running(old)
    under_way, plan = rollout(target, ours)
    other, others = rollout(target, theirs)

    def asleep() -> None:
        if target.live == old.name and target.observe().runs(ours.name):
            target.still_ours = lambda: None  # type: ignore[method-assign]
            other.carry_out(others, NOTHING)
            raise LockedError("The lock was taken from us.")

    target.still_ours = asleep  # type: ignore[method-assign]
    under_way.progress = Progress()
    with pytest.raises(LockedError, match=f"{theirs.name} is serving"):
        under_way.carry_out(plan, NOTHING)

    assert target.observe().runs(ours.name)
    assert f"so nothing was undone; {ours.name} still runs. The next deploy will stop it." in capsys.readouterr().err


def test_whoever_lost_the_lock_leaves_alone_what_somebody_else_has_deployed_since() -> None:
    beat: Services = {"web": {}, "beat": {}}
    old, ours, theirs = (rendered(digit, beat, singletons=("beat",)) for digit in "abc")
    target = MemoryTarget.running(old)
    under_way, plan = rollout(target, ours)

    def asleep() -> None:
        if target.live == old.name and f"create {ours.name}" in target.changes:
            target.still_ours = lambda: None  # type: ignore[method-assign]
            other, others = rollout(target, theirs)
            other.carry_out(others, NOTHING)
            raise LockedError("The lock was taken from us.")

    target.still_ours = asleep  # type: ignore[method-assign]
    with pytest.raises(LockedError, match=f"{theirs.name} is serving"):
        under_way.carry_out(plan, NOTHING)

    running = {release.name for release in target.observe().releases if release.running.get("beat")}
    assert (running, last(target)["release"]) == ({theirs.name}, theirs.name)


def test_a_migration_alone_leaves_a_release_that_was_deployed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    target = MemoryTarget.running(OLD)
    under_way, plan = rollout(target)

    def slept(_: Rendered, __: Former, *, dry_run: bool = False, **_unused: object) -> Migrated:
        monkeypatch.undo()
        rollout(target)[0].carry_out(plan, NOTHING)
        raise MigrationError(f"the connection was lost, {dry_run}")

    monkeypatch.setattr(target, "migrate", slept)
    with pytest.raises(MigrationError):
        under_way.migrate(dry_run=False)

    assert target.observe().runs(NEW.name)


@pytest.mark.parametrize("past", [0, 200])
def test_a_record_whose_answer_was_lost_is_not_taken_for_that_of_another_deploy(
    capsys: pytest.CaptureFixture[str], past: int
) -> None:
    target = MemoryTarget.running(OLD)
    seen, older = target.observe, [dataclasses.replace(entry(OLD), seconds=float(number)) for number in range(past)]

    def last_lines() -> Observed:
        now = seen()
        return dataclasses.replace(now, history=(*older, *now.history)[-(past or 10) :])

    target.observe = last_lines  # type: ignore[method-assign]
    under_way, plan = rollout(target)
    under_way.progress = Progress()
    recorded = target.record

    def cut(entry: ledger.Entry) -> None:
        recorded(entry)
        raise EngineError("The connection broke.")

    target.record = cut  # type: ignore[method-assign]
    with pytest.raises(EngineError, match=f"{NEW.name} is serving"):
        under_way.carry_out(plan, NOTHING)

    said = capsys.readouterr().err
    assert f"{NEW.name} is live and recorded; only the answer was lost. The next deploy will clean up." in said
    assert "another deploy" not in said


def test_goes_back_to_an_unproven_release_that_runs_where_the_proven_one_was_stopped() -> None:
    target = MemoryTarget.running(OLD)
    for effect in (target.prepare, target.create):
        target.pull(tuple(NEW.release.images.values()))
        effect(NEW)
    target.start(NEW, NEW.order)
    target.cutover(NEW.name)
    third = rendered("c")
    under_way, plan = rollout(target, third)
    switched = target.cutover

    def break_public_url(release: str) -> None:
        switched(release)
        target.fails = {"smoke_test": SmokeTestError("status 500")}

    target.cutover = break_public_url  # type: ignore[method-assign]
    with pytest.raises(SmokeTestError, match=f"{NEW.name} is serving"):
        under_way.carry_out(plan, NOTHING)

    assert target.live == NEW.name


def test_a_signal_while_a_killed_deploy_is_finished_ends_the_deploy() -> None:
    environment = MemoryTarget()
    unrecorded(environment)
    environment.fails = {"drain": StoppedError("Stopped by SIGINT.")}

    with pytest.raises(StoppedError):
        deliver(environment, choice(rendered("c")))

    assert not any("cccccccc" in change for change in environment.changes)


def test_a_rollback_from_a_broken_release_that_was_never_recorded_goes_to_the_last_good_one() -> None:
    environment = MemoryTarget()
    unrecorded(environment)
    broken, answers = environment.live, environment.smoke_test

    def smoke_test(release: str, *, candidate: bool) -> None:
        if release == broken:
            raise SmokeTestError("status 500")
        answers(release, candidate=candidate)

    def back(observed: Observed, recorded: Recorded) -> Candidate:
        record = recorded(choose_rollback(observed)[0])
        assert record
        return again(observed, record)

    environment.smoke_test = smoke_test  # type: ignore[method-assign]
    outcome = deliver(environment, back, action=Action.ROLLBACK)

    assert outcome.tag == OLD.release.version.tag


def test_a_migration_that_a_killed_deploy_left_running_stops_a_second_one() -> None:
    wanted = rendered("b", migrations=MIGRATIONS)
    busy = dataclasses.replace(observed(OLD), one_offs=("shop-web-run-1",))

    (finding,) = findings(wanted, busy, plan_rollout(wanted, busy, Patience()))

    assert "still running in shop-web-run-1" in finding
    assert list(findings(NEW, busy, ())) == []


def test_a_host_that_somebody_else_is_served_as_is_said_before_anything_is_changed() -> None:
    elsewhere = dataclasses.replace(
        observed(OLD), routing=Routing(taken="blog-production is already served as example.com")
    )

    (finding,) = findings(NEW, elsewhere, plan_rollout(NEW, elsewhere, Patience()))

    assert finding.startswith("blog-production is already served as example.com on this server")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("The smoke test failed:\nGET /: status 500\nGET /x: no", "The smoke test failed: GET /: status 500"),
        (
            "web ended with exit code 1:\n  web | PASSWORD=x",
            "web ended with exit code 1:",
        ),
        ("no column", "no column"),
    ],
)
def test_the_ledger_keeps_what_was_wrong_and_no_containers_words(said: str, why: str) -> None:
    target = MemoryTarget.running(OLD)

    failing(target, start=RolloutError(said))

    assert last(target)["why"] == why


def test_a_live_release_without_containers_is_refused_while_another_runs() -> None:
    gone = dataclasses.replace(observed(OLD), live="shop-staging-dddddddd-000000")

    (finding,) = findings(NEW, gone, plan_rollout(NEW, gone, Patience()))

    assert f"has no containers; {OLD.name} runs" in finding


def test_a_server_that_is_not_fit_is_left_as_it_is() -> None:
    environment = MemoryTarget()
    wanted = rendered("b", accessories=("db",))

    with pytest.raises(CheckError, match="db is not running"):
        deliver(environment, choice(wanted))
    with pytest.raises(CheckError, match="db is not running"):
        deploys.migrate(environment, order(choice(wanted), action=Action.MIGRATE), Progress(quiet=True))

    assert environment.changes == []


def test_a_migration_starts_a_stopped_accessory_and_a_look_at_what_is_pending_does_not() -> None:
    environment = MemoryTarget()
    environment.accessories = {"db": "exited"}
    wanted = rendered("b", accessories=("db",))

    with pytest.raises(CheckError, match="db is stopped"):
        deploys.migrate(environment, order(choice(wanted), action=Action.MIGRATE), Progress(quiet=True), dry_run=True)
    assert environment.changes == []

    deploys.migrate(environment, order(choice(wanted), action=Action.MIGRATE), Progress(quiet=True))
    assert environment.changes[0] == "revive db"


def test_going_back_migrates_nothing() -> None:
    environment = MemoryTarget()
    environment.pending = ("shop.0002",)

    deliver(environment, choice(), action=Action.ROLLBACK)

    assert environment.pending == ("shop.0002",)
    assert last(environment)["action"] == "rollback"


def test_a_preview_is_the_numbered_plan_and_changes_nothing() -> None:
    environment = MemoryTarget()

    lines = planning.preview(environment, order(choice()), Progress(quiet=True), NoCompanion()).splitlines()

    assert lines[0].startswith("staging: nothing → shop-staging-bbbbbbbb-")
    assert lines[1] == "  1. Pull 1 image by digest"
    assert lines[-1] == " 11. Bake for 1 s"
    assert environment.changes == []


class Friend(NoCompanion):
    """A companion that remembers what it heard, and may refuse."""

    announcement = "Meanwhile: tell a friend"

    def __init__(self, refuses: Exception | None = None, ill: Exception | None = None) -> None:
        self.heard: list[str] = []
        self._refuses = refuses
        self._ill = ill

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """That it begins."""
        self.heard.append(f"{action} of {candidate.name} after {before.live or 'nothing'}")
        if self._refuses:
            raise self._refuses

    def while_baking(self, *, last: bool) -> None:
        """That it bakes."""
        self.heard.append(f"baking, last: {last}")
        if self._ill:
            raise self._ill

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """That it is done."""
        self.heard.append(f"{outcome.release} took {outcome.seconds:.0f} s")
        return ("a friend knows",)

    def give_up(self, why: str, serving: str) -> None:
        """That it failed."""
        self.heard.append(f"gave up: {why}; {serving or 'nothing'} serves")


def test_a_companion_hears_of_a_deploy_before_while_baking_and_after() -> None:
    environment, friend = MemoryTarget(), Friend()

    outcome = deliver(environment, choice(), companion=friend)

    assert friend.heard == [
        f"deploy of {outcome.release} after nothing",
        "baking, last: True",
        f"{outcome.release} took 0 s",
    ]
    assert outcome.warnings == ("a friend knows",)


def test_a_companion_that_refuses_leaves_everything_as_it_was() -> None:
    environment = MemoryTarget()

    with pytest.raises(ConfigError, match="no token"):
        deliver(environment, choice(), companion=Friend(refuses=ConfigError("no token")))

    assert (environment.changes, environment.ledger) == ([], [])


def test_a_companion_that_finds_a_baking_release_ill_has_it_switched_back() -> None:
    environment, friend = MemoryTarget.running(OLD), Friend(ill=RolloutError("errors doubled"))

    with pytest.raises(RolloutError, match=f"{OLD.name} is serving"):
        deliver(environment, choice(), companion=friend)

    assert environment.live == OLD.name
    assert friend.heard[-1] == f"gave up: errors doubled; {OLD.name} serves"


def test_what_is_live_already_concerns_no_companion() -> None:
    environment, friend = MemoryTarget(), Friend()
    deliver(environment, choice())

    assert deliver(environment, choice(), companion=friend).warnings == ()
    assert friend.heard == []


def test_a_preview_says_what_goes_beside_it() -> None:
    plan = planning.preview(MemoryTarget(), order(choice()), Progress(quiet=True), Friend())

    assert plan.endswith("Meanwhile: tell a friend")
