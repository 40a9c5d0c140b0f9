"""How a release becomes the live one, and how a rollout that failed is undone."""

import dataclasses

import pytest

from tagship.deploy.observed import Observed, Routing
from tagship.deploy.rollback_plan import Former, RollbackPlan, Way
from tagship.deploy.rollout import GoodRelease, Patience, changes, plan_recovery, plan_rollout
from tagship.deploy.steps import (
    Ask,
    Bake,
    Create,
    Cutover,
    Drain,
    Hold,
    KeepAssets,
    Migrate,
    Prepare,
    Pull,
    Remove,
    Resume,
    Reverse,
    Revive,
    Serve,
    SmokeTest,
    Start,
    Stop,
)
from tagship.release.model import Configuration, Rendered, Route, Served
from tests.fakes.builders import MIGRATIONS, WEB, Services, entry, good, image, observed, rendered, standing

PATIENCE = Patience(drain=30, bake=0, keep=5)
OLD_URL = "http://old.example.com"
OLD, NEW, THIRD = rendered("a"), rendered("b"), rendered("c")
OLD_SCHEMA = Former(OLD.name)
REVERSE = Reverse(NEW, RollbackPlan(Way.REVERSE, OLD.name, migrations=("shop.0002",)))
WITH_WORKER: Services = {"web": {}, "worker": {}}
WITH_BEAT: Services = {"web": {}, "beat": {}}
WITH_ONE_SHOT: Services = {
    "web": {"depends_on": {"assets": {"condition": "service_completed_successfully"}}},
    "assets": {},
}


def test_a_first_deploy_goes_from_nothing_to_live() -> None:
    assert plan_rollout(NEW, observed(None), PATIENCE) == (
        Pull((image("web", "b"),)),
        Prepare(NEW),
        Create(NEW),
        Start(NEW, ("web",)),
        Serve(NEW.served, NEW.served),
        SmokeTest(NEW.name, candidate=True),
        Cutover(NEW.name),
        SmokeTest(NEW.name, candidate=False),
    )


def test_assets_are_kept_once_the_candidate_is_ready_and_before_anyone_reaches_it() -> None:
    wanted = rendered("b", routes=(Route("/*", "web", 8000), Route("/s/*", "web", 8000, assets="/srv")))

    plan = plan_rollout(wanted, observed(OLD), PATIENCE)

    kept = plan.index(KeepAssets(wanted, OLD.name))
    assert isinstance(plan[kept - 1], Start)
    assert isinstance(plan[kept + 1], Serve)


def test_keeps_the_old_release_until_the_new_one_is_smoke_tested() -> None:
    plan = plan_rollout(NEW, observed(OLD), PATIENCE)

    assert plan[-5:] == (
        SmokeTest(NEW.name, candidate=True),
        Cutover(NEW.name),
        SmokeTest(NEW.name, candidate=False),
        Drain(OLD.name, 30),
        Stop(OLD.name),
    )


def test_what_is_live_whole_and_proven_is_only_asked_whether_it_answers() -> None:
    plan = plan_rollout(NEW, observed(NEW), PATIENCE)

    assert plan == (SmokeTest(NEW.name, candidate=False),)
    assert not changes(plan)


def test_what_is_live_and_was_never_recorded_is_proven_first() -> None:
    unproven = observed(NEW, standing(NEW), history=[entry(OLD)])

    assert plan_rollout(NEW, unproven, Patience(bake=90)) == (
        Serve(NEW.served, NEW.served),
        SmokeTest(NEW.name, candidate=False),
        Bake(NEW.name, 90),
    )


def test_another_configuration_of_the_same_commit_is_a_rollout() -> None:
    rotated = rendered("a", configuration="1" * 64)

    plan = plan_rollout(rotated, observed(OLD), PATIENCE)

    assert Cutover(rotated.name) in plan
    assert Stop(OLD.name) in plan


def test_asks_what_is_pending_while_containers_are_made_and_migrates_before_any_starts() -> None:
    wanted = rendered("b", migrations=MIGRATIONS)

    plan = plan_rollout(wanted, observed(OLD), PATIENCE)

    assert plan[1:5] == (Prepare(wanted), Ask(wanted), Create(wanted), Migrate(wanted, OLD_SCHEMA))
    assert isinstance(plan[5], Start)


def test_a_stopped_release_that_is_whole_is_asked_when_it_migrates() -> None:
    wanted = rendered("b", migrations=MIGRATIONS)
    stopped = observed(OLD, standing(OLD), dataclasses.replace(standing(wanted), running={}))

    plan = plan_rollout(wanted, stopped, PATIENCE)

    assert plan[0] == Migrate(wanted, OLD_SCHEMA)
    assert isinstance(plan[1], Start)


def test_an_image_that_is_live_already_brings_no_migration() -> None:
    live = rendered("a", migrations=MIGRATIONS)
    same_image = rendered("b", migrations=MIGRATIONS, built="a")

    plan = plan_rollout(same_image, observed(live), PATIENCE)

    assert not any(isinstance(step, Migrate) for step in plan)


def test_the_same_image_with_another_database_may_bring_migrations() -> None:
    live = rendered("a", migrations=MIGRATIONS)
    elsewhere = rendered("a", migrations=MIGRATIONS, configuration="1" * 64)

    assert Migrate(elsewhere, OLD_SCHEMA) in plan_rollout(elsewhere, observed(live), PATIENCE)


def test_an_image_of_which_no_digest_is_known_may_bring_migrations() -> None:
    live, wanted = (rendered(digit, migrations=MIGRATIONS) for digit in "ab")
    live, wanted = (dataclasses.replace(each, configuration=Configuration()) for each in (live, wanted))

    assert Migrate(wanted, OLD_SCHEMA) in plan_rollout(wanted, observed(live), PATIENCE)


def test_migrates_when_nobody_knows_what_the_live_release_was_made_of() -> None:
    wanted = rendered("b", migrations=MIGRATIONS, built="a")
    unrecorded = dataclasses.replace(observed(OLD), live_record=None)

    assert Migrate(wanted, OLD_SCHEMA) in plan_rollout(wanted, unrecorded, PATIENCE)


def test_going_back_never_migrates() -> None:
    wanted = rendered("b", migrations=MIGRATIONS)

    plan = plan_rollout(wanted, observed(OLD), PATIENCE, migrate=False)

    assert not any(isinstance(step, Migrate) for step in plan)


def test_what_was_added_is_reversed_when_the_old_release_alone_runs() -> None:
    plan = plan_rollout(OLD, observed(NEW), PATIENCE, migrate=False, reverse=REVERSE)

    assert plan[-3:] == (Drain(NEW.name, 30), Stop(NEW.name), REVERSE)


def test_what_was_renamed_is_reversed_before_the_old_release_starts() -> None:
    first = Reverse(NEW, dataclasses.replace(REVERSE.plan, first=True))

    plan = plan_rollout(OLD, observed(NEW), PATIENCE, migrate=False, reverse=first)

    assert plan.index(first) == plan.index(Start(OLD, ("web",))) - 1


def test_a_stopped_release_that_is_whole_is_started_as_it_is() -> None:
    cached = observed(OLD, standing(NEW, running=()), standing(OLD, 2))

    assert plan_rollout(NEW, cached, PATIENCE)[0] == Start(NEW, ("web",))


def test_a_release_that_lacks_a_container_is_removed_and_made_again() -> None:
    wanted = rendered("b", WITH_WORKER)
    partial = observed(OLD, standing(OLD), standing(wanted, 2, running=(), present=("web",)))

    plan = plan_rollout(wanted, partial, PATIENCE)

    assert plan[0] == Remove(wanted.name)
    assert Create(wanted) in plan


def test_a_release_with_too_few_replicas_is_made_again() -> None:
    wanted = rendered("b", {"web": {"deploy": {"replicas": 2}}})
    one_of_two = dataclasses.replace(standing(wanted, 2), present={"web": 1}, running={})

    assert plan_rollout(wanted, observed(OLD, standing(OLD), one_of_two), PATIENCE)[0] == Remove(wanted.name)


def test_another_commits_killed_deploy_is_drained_and_stopped_first_and_removed_last() -> None:
    plan = plan_rollout(THIRD, observed(OLD, standing(OLD), standing(NEW, 2)), PATIENCE)

    assert plan[:2] == (Drain(NEW.name, 30), Stop(NEW.name))
    assert plan[2:] == (*plan_rollout(THIRD, observed(OLD), PATIENCE), Remove(NEW.name))


def test_the_same_commits_deploy_killed_before_its_cutover_goes_on_with_its_containers() -> None:
    plan = plan_rollout(NEW, observed(OLD, standing(OLD), standing(NEW, 2)), PATIENCE)

    assert Stop(NEW.name) not in plan
    assert plan[0] == Start(NEW, ("web",))


def test_a_deploy_killed_after_its_cutover_is_finished() -> None:
    wanted = rendered("b", WITH_WORKER)
    killed = observed(wanted, standing(OLD), standing(wanted, 2, running=("web",), present=("web", "worker")))

    plan = plan_rollout(wanted, killed, PATIENCE)

    assert plan == (
        Serve(wanted.served, wanted.served),
        SmokeTest(wanted.name, candidate=False),
        Start(wanted, ("worker",)),
        Drain(OLD.name, 30),
        Stop(OLD.name),
    )


def test_a_live_release_whose_container_someone_removed_is_made_whole_without_touching_the_rest() -> None:
    live = rendered("b", WITH_WORKER)
    plan = plan_rollout(live, observed(live, standing(live, present=("web",))), PATIENCE)

    assert plan == (
        Pull((image("web", "b"), image("worker", "b"))),
        Prepare(live),
        Create(live),
        Serve(live.served, live.served),
        SmokeTest(live.name, candidate=False),
        Start(live, ("worker",)),
    )


def test_a_live_release_that_does_not_run_is_started_before_it_is_asked() -> None:
    plan = plan_rollout(NEW, observed(NEW, standing(NEW, running=())), PATIENCE)

    assert plan == (
        Start(NEW, ("web",)),
        Serve(NEW.served, NEW.served),
        SmokeTest(NEW.name, candidate=False),
    )


def test_a_one_shot_that_only_workers_wait_for_runs_when_a_killed_deploy_is_finished() -> None:
    services: Services = {
        "web": {},
        "worker": {"depends_on": {"seed": {"condition": "service_completed_successfully"}}},
        "seed": {},
    }
    wanted = rendered("b", services)
    never_run = dataclasses.replace(standing(wanted, 2, running=("web",)), fresh={"worker": 1, "seed": 1})

    plan = plan_rollout(wanted, observed(wanted, standing(OLD), never_run, history=[entry(OLD)]), PATIENCE)

    assert Start(wanted, ("seed", "worker")) in plan


def test_a_one_shot_of_a_proven_release_whose_container_someone_removed_does_not_run_again() -> None:
    live = rendered("a", WITH_ONE_SHOT)

    plan = plan_rollout(live, observed(live, standing(live, present=("web",))), PATIENCE)

    assert not changes(plan)


def test_the_new_routes_are_served_to_the_candidate_before_anyone_else() -> None:
    routes = (Route("/api/*", "web", 8000), *WEB)
    wanted = rendered("b", routes=routes)

    plan = plan_rollout(wanted, observed(OLD), PATIENCE)

    cutover = plan.index(Cutover(wanted.name))
    assert plan[cutover - 2 : cutover + 3] == (
        Serve(candidate=wanted.served, live=OLD.served, to=wanted.name),
        SmokeTest(wanted.name, candidate=True),
        Cutover(wanted.name),
        SmokeTest(wanted.name, candidate=False),
        Serve(candidate=wanted.served, live=wanted.served),
    )


def test_a_changed_url_is_served_beside_the_old_one_until_the_new_release_is_proven_there() -> None:
    moved = dataclasses.replace(observed(OLD), routing=Routing(stands=False, here=False, elsewhere=(OLD_URL,)))

    plan = plan_rollout(NEW, moved, Patience(bake=9))

    assert [step for step in plan if isinstance(step, Serve | Cutover | SmokeTest | Bake)] == [
        Serve(NEW.served, OLD.served, elsewhere=(OLD_URL,)),
        SmokeTest(NEW.name, candidate=True),
        Cutover(NEW.name),
        SmokeTest(NEW.name, candidate=False),
        Bake(NEW.name, 9),
        Serve(NEW.served, NEW.served),
    ]


def test_what_is_live_is_served_at_a_changed_url_and_at_the_old_one_until_it_answers() -> None:
    moved = dataclasses.replace(observed(NEW), routing=Routing(stands=False, here=False, elsewhere=(OLD_URL,)))

    assert plan_rollout(NEW, moved, PATIENCE) == (
        Serve(NEW.served, NEW.served, elsewhere=(OLD_URL,)),
        SmokeTest(NEW.name, candidate=False),
        Serve(NEW.served, NEW.served),
    )


def test_routes_that_the_edge_lost_are_served_again_though_the_release_is_live() -> None:
    lost = dataclasses.replace(observed(NEW), routing=Routing(stands=False, here=False))

    assert plan_rollout(NEW, lost, PATIENCE) == (
        Serve(NEW.served, NEW.served),
        SmokeTest(NEW.name, candidate=False),
    )


def test_routes_go_with_the_last_service_that_had_one() -> None:
    worker = rendered("b", {"worker": {}}, routes=())

    plan = plan_rollout(worker, observed(OLD), PATIENCE)

    assert plan[plan.index(Cutover(worker.name)) + 1] == Serve(worker.served, worker.served)


@pytest.mark.parametrize("live", [OLD, NEW])
def test_a_failure_puts_the_old_urls_routes_back_whether_or_not_traffic_was_switched(live: Rendered) -> None:
    before = Routing(stands=False, here=False, elsewhere=(OLD_URL,))
    now = Routing(stands=False, here=True, elsewhere=(OLD_URL,))
    failed = dataclasses.replace(observed(OLD, standing(OLD), standing(NEW, 2)), live=live.name, routing=now)

    plan = plan_recovery(NEW.name, dataclasses.replace(good(OLD), routing=before), failed)

    assert Serve(OLD.served, OLD.served, elsewhere=(OLD_URL,), here=False) in plan


def test_routes_that_did_not_change_need_no_way_back() -> None:
    failed = observed(OLD, standing(OLD), standing(NEW, 2))

    plan = plan_recovery(NEW.name, dataclasses.replace(good(OLD), routing=Routing()), failed)

    assert not any(isinstance(step, Serve) for step in plan)


def test_routes_that_the_edge_had_lost_are_not_lost_again() -> None:
    repaired = observed(OLD, standing(OLD), standing(NEW, 2))

    plan = plan_recovery(NEW.name, dataclasses.replace(good(OLD), routing=Routing(stands=False, here=False)), repaired)

    assert Serve(OLD.served, OLD.served) in plan


def test_a_failed_first_deploy_takes_its_routes_along() -> None:
    failed = Observed(releases=(standing(NEW),), routing=Routing(stands=False))

    plan = plan_recovery(NEW.name, GoodRelease(routing=Routing(stands=True, here=False)), failed)

    assert plan == (Serve(Served(()), Served(())), Remove(NEW.name))


def test_services_without_a_route_change_places_after_the_cutover() -> None:
    old, new = rendered("a", WITH_WORKER), rendered("b", WITH_WORKER)

    plan = plan_rollout(new, observed(old), PATIENCE)

    assert plan.index(Start(new, ("web",))) < plan.index(Cutover(new.name))
    assert plan[-3:] == (Start(new, ("worker",)), Drain(old.name, 30), Stop(old.name))


def test_what_a_routed_service_depends_on_starts_with_it() -> None:
    wanted = rendered("b", {"web": {"depends_on": {"api": {}}}, "api": {"depends_on": {"auth": {}}}, "auth": {}})

    assert Start(wanted, ("auth", "api", "web")) in plan_rollout(wanted, observed(None), PATIENCE)


def test_there_are_never_two_of_a_singleton() -> None:
    services: Services = {**WITH_BEAT, "worker": {}}
    old = rendered("a", services)
    new = rendered("b", services, singletons=("beat",))

    plan = plan_rollout(new, observed(old), PATIENCE)

    assert plan[plan.index(Stop(old.name, ("beat",))) + 1] == Start(new, ("beat", "worker"))


def test_a_singleton_that_answers_requests_changes_places_after_the_cutover_while_the_edge_holds_them() -> None:
    services: Services = {"web": {"depends_on": {"api": {}}}, "api": {}, "docs": {}}
    routes = (*WEB, Route("/docs", "docs", 80))
    old, new = (rendered(digit, services, routes=routes, singletons=("api",)) for digit in "ab")

    plan = plan_rollout(new, observed(old), PATIENCE)

    assert plan[3:-2] == (
        Start(new, ("docs",)),
        Serve(new.served, old.served),
        Cutover(new.name),
        Drain(old.name, 5, 0.5),
        Stop(old.name, ("api",)),
        Start(new, ("api", "web")),
        SmokeTest(new.name, candidate=False),
    )


@pytest.mark.parametrize("newer", [True, False])
def test_a_release_that_may_not_overlap_starts_when_the_old_one_is_gone_whole(*, newer: bool) -> None:
    old, new = rendered("a", WITH_WORKER, recreate=not newer), rendered("b", WITH_WORKER, recreate=newer)

    plan = plan_rollout(new, observed(old), PATIENCE)

    assert plan[3:] == (
        Serve(new.served, old.served),
        Cutover(new.name),
        Drain(old.name, 5, 0.5),
        Stop(old.name),
        Start(new, ("web", "worker")),
        SmokeTest(new.name, candidate=False),
    )


def test_without_a_route_too_a_release_that_may_not_overlap_starts_when_the_old_one_is_gone() -> None:
    old, new = (rendered(digit, {"worker": {}}, routes=(), recreate=True) for digit in "ab")

    plan = plan_rollout(new, observed(old), PATIENCE)

    at = plan.index(Cutover(new.name))
    assert plan[at + 1 : at + 3] == (Stop(old.name), Start(new, ("worker",)))
    assert sum(isinstance(step, Start | Stop) for step in plan) == 2


def test_a_killed_deploy_of_a_release_that_may_not_overlap_is_finished_when_the_old_one_is_gone() -> None:
    old, new = rendered("a", {"web": {}, "former": {}}), rendered("b", recreate=True)

    plan = plan_rollout(new, observed(new, standing(old), standing(new, 2, running=())), PATIENCE)

    assert plan.index(Stop(old.name)) < plan.index(Start(new, ("web",)))


def test_a_release_that_failed_where_none_may_overlap_is_gone_before_the_old_one_comes_back() -> None:
    old, new = (rendered(digit, WITH_WORKER, recreate=True) for digit in "ab")

    plan = plan_recovery(new.name, good(old), observed(new, standing(old, running=()), standing(new, 2, running=())))

    assert plan[-2:] == (Remove(new.name), Resume(old.name, ("web", "worker")))


def test_a_singleton_with_a_route_is_tested_first_while_no_other_runs() -> None:
    new = rendered("b", singletons=("web",))

    plan = plan_rollout(new, observed(OLD, standing(OLD, running=())), PATIENCE)

    assert plan.index(SmokeTest(new.name, candidate=True)) < plan.index(Cutover(new.name))


def test_a_killed_deploy_of_a_singleton_with_a_route_is_finished_without_two_of_it() -> None:
    old, new = rendered("a"), rendered("b", singletons=("web",))
    killed = observed(new, standing(old), standing(new, 2, running=()))

    plan = plan_rollout(new, killed, PATIENCE)

    assert plan.index(Stop(old.name)) < plan.index(Start(new, ("web",)))
    assert plan.count(Stop(old.name)) == 1


def test_a_killed_deploy_whose_release_does_not_answer_is_finished_without_two_of_them_whatever_the_other_one_was() -> (
    None
):
    old, new = rendered("a"), rendered("b")

    silent = plan_rollout(new, observed(new, standing(old), standing(new, 2, running=())), PATIENCE)
    answers = plan_rollout(new, observed(new, standing(old), standing(new, 2, running=("web",))), PATIENCE)

    assert silent.index(Stop(old.name)) < next(at for at, step in enumerate(silent) if isinstance(step, Start))
    assert answers.index(Drain(old.name, PATIENCE.drain)) < answers.index(Stop(old.name))
    assert [step for step in answers if isinstance(step, Start) and "web" in step.services] == []


def test_what_the_live_release_runs_is_not_resumed_in_the_proven_one_too() -> None:
    old, live = (rendered(digit, WITH_BEAT, singletons=("beat",)) for digit in "ab")
    failed = observed(live, standing(old, running=("web",)), standing(live, 2))

    assert plan_recovery(THIRD.name, good(old), failed) == ()


def test_what_is_live_and_does_not_run_is_left_for_the_proven_release_when_another_one_fails() -> None:
    failed = observed(OLD, standing(OLD, running=()), standing(THIRD, running=()), standing(NEW, 2))

    plan = plan_recovery(NEW.name, good(THIRD), failed)

    assert plan[0] == Cutover(THIRD.name)
    assert plan[-2:] == (Remove(NEW.name), Resume(THIRD.name, ("web",)))


def test_a_singleton_that_was_stopped_for_a_release_that_failed_comes_back() -> None:
    new = rendered("b", singletons=("web",))
    failed = observed(new, standing(OLD, running=()), standing(new, 2, running=()))

    assert plan_recovery(new.name, good(OLD), failed) == (
        Cutover(OLD.name),
        Serve(OLD.served, OLD.served),
        Drain(new.name, 5),
        Remove(new.name),
        Resume(OLD.name, ("web",)),
    )


def test_a_singleton_that_does_not_run_is_not_stopped() -> None:
    old = rendered("a", WITH_BEAT)
    new = rendered("b", WITH_BEAT, singletons=("beat",))

    plan = plan_rollout(new, observed(old, standing(old, running=("web",))), PATIENCE)

    assert Stop(old.name, ("beat",)) not in plan


def test_there_are_never_two_of_a_singleton_when_a_killed_deploy_is_finished_either() -> None:
    old = rendered("a", WITH_BEAT)
    new = rendered("b", WITH_BEAT, singletons=("beat",))
    killed = observed(new, standing(old), standing(new, 2, running=("web",), present=("beat", "web")))

    plan = plan_rollout(new, killed, PATIENCE)

    stops = [at for at, step in enumerate(plan) if isinstance(step, Stop) and step.release == old.name]
    assert stops[0] < plan.index(Start(new, ("beat",)))


def test_a_release_without_routes_is_live_as_soon_as_it_is_made() -> None:
    wanted = rendered("b", {"worker": {}}, routes=())

    assert plan_rollout(wanted, observed(None), PATIENCE) == (
        Pull((image("worker", "b"),)),
        Prepare(wanted),
        Create(wanted),
        Cutover(wanted.name),
        Start(wanted, ("worker",)),
    )


def test_a_release_of_images_that_nobody_built_pulls_none_of_its_own() -> None:
    plain = dataclasses.replace(NEW, release=dataclasses.replace(NEW.release, images={}))

    assert plan_rollout(plain, observed(OLD), PATIENCE)[0] == Prepare(plain)


def test_bakes_as_long_as_it_is_told() -> None:
    plan = plan_rollout(NEW, observed(OLD), Patience(drain=30, bake=90, keep=5))

    assert plan[plan.index(SmokeTest(NEW.name, candidate=False)) + 1] == Bake(NEW.name, 90)


def test_a_candidate_waits_for_people_when_it_is_proven_and_before_anyone_else_reaches_it() -> None:
    plan = plan_rollout(NEW, observed(OLD), Patience(hold=60))

    held = plan.index(Hold(NEW.name, 60))
    assert plan[held - 1 : held + 2 : 2] == (SmokeTest(NEW.name, candidate=True), Cutover(NEW.name))


def test_what_must_not_run_twice_waits_for_nobody() -> None:
    old, new = (rendered(digit, singletons=("web",)) for digit in "ab")

    assert not [step for step in plan_rollout(new, observed(old), Patience(hold=60)) if isinstance(step, Hold)]


def test_prunes_last_and_keeps_what_it_just_replaced() -> None:
    never_live = standing(THIRD, 0, running=())

    plan = plan_rollout(NEW, observed(OLD, never_live, standing(OLD, 1)), PATIENCE)

    assert plan[-2:] == (Stop(OLD.name), Remove(THIRD.name))


def test_the_old_release_is_served_by_as_many_containers_as_it_has_until_the_cutover() -> None:
    more = rendered("b", {"web": {"scale": 3}})

    plan = plan_rollout(more, observed(OLD), PATIENCE)

    assert Serve(candidate=more.served, live=OLD.served, to=more.name) in plan
    assert plan.index(Cutover(more.name)) < plan.index(Serve(more.served, more.served))
    assert more.served != OLD.served


def test_a_failure_before_the_cutover_removes_the_new_release_and_touches_nothing_else() -> None:
    failed = observed(OLD, standing(OLD), standing(NEW, 2, running=()))

    plan = plan_recovery(NEW.name, good(OLD), failed)

    assert plan[-1] == Remove(NEW.name)
    assert {step.release for step in plan if isinstance(step, Stop | Remove)} == {NEW.name}
    assert not any(isinstance(step, Cutover | Serve) for step in plan)


def test_a_failure_before_there_was_any_container_needs_no_way_back() -> None:
    assert plan_recovery(NEW.name, good(OLD), observed(OLD)) == ()


def test_a_failure_after_the_cutover_goes_back_with_the_old_releases_routes() -> None:
    new = rendered("b", routes=(Route("/api/*", "web", 8000), *WEB))
    failed = dataclasses.replace(observed(OLD, standing(OLD), standing(new, 2)), live=new.name)

    plan = plan_recovery(new.name, good(OLD), failed)

    assert plan[:2] == (Cutover(OLD.name), Serve(OLD.served, OLD.served))
    assert isinstance(plan[2], Drain)
    assert plan[-1] == Remove(new.name)


def test_going_back_serves_the_old_release_by_as_many_containers_as_it_has() -> None:
    old = rendered("a", {"web": {"scale": 3}})
    failed = dataclasses.replace(observed(old, standing(old), standing(NEW, 2)), live=NEW.name)

    assert Serve(old.served, old.served) in plan_recovery(NEW.name, good(old), failed)


@pytest.mark.parametrize("live", [OLD, NEW])
def test_what_was_stopped_of_the_old_release_runs_again(live: Rendered) -> None:
    old = rendered("a", WITH_BEAT)
    stopped = observed(live, standing(old, running=("web",)), standing(NEW, 2))

    assert plan_recovery(NEW.name, good(old), stopped)[-1] == Resume(old.name, ("beat",))


def test_what_never_stopped_or_ended_as_it_should_needs_no_resuming() -> None:
    old, new = rendered("a", WITH_ONE_SHOT), rendered("b", WITH_ONE_SHOT)
    ended = standing(old, running=("web",), present=("assets", "web"))
    before = dataclasses.replace(good(old), running=ended.running)

    plan = plan_recovery(new.name, before, observed(old, ended, standing(new, 2)))

    assert not any(isinstance(step, Resume) for step in plan)


def test_what_did_not_run_before_the_rollout_is_not_started_by_its_recovery() -> None:
    old = rendered("a", {**WITH_WORKER, "beat": {}})
    before = dataclasses.replace(good(old), running={"web": 1, "beat": 1})
    failed = observed(old, standing(old, running=("web",)), standing(NEW, 2))

    assert plan_recovery(NEW.name, before, failed)[-1] == Resume(old.name, ("beat",))


def test_the_network_of_a_release_that_failed_before_it_had_containers_is_removed() -> None:
    failed = dataclasses.replace(observed(OLD), empty=(NEW.name,))

    assert plan_recovery(NEW.name, good(OLD), failed) == (Remove(NEW.name),)


def test_networks_that_failed_deploys_left_are_removed_by_the_next() -> None:
    left = dataclasses.replace(observed(OLD), empty=(NEW.name, THIRD.name))

    removed = [step for step in plan_rollout(NEW, left, PATIENCE) if isinstance(step, Remove)]

    assert removed == [Remove(THIRD.name)]


def test_a_one_shot_that_ended_does_not_make_a_live_release_unfinished() -> None:
    live = rendered("a", WITH_ONE_SHOT)
    ended = observed(live, standing(live, running=("web",), present=("assets", "web")))

    assert not changes(plan_rollout(live, ended, PATIENCE))


def test_going_back_needs_an_old_release_that_is_there() -> None:
    gone = dataclasses.replace(observed(OLD, standing(OLD, running=(), present=()), standing(NEW, 2)), live=NEW.name)

    assert plan_recovery(NEW.name, good(OLD), gone) == ()


def test_a_first_deploy_that_fails_after_its_cutover_stays_as_it_is() -> None:
    failed = Observed(live=NEW.name, releases=(standing(NEW),))

    assert plan_recovery(NEW.name, GoodRelease(), failed) == ()


def test_a_first_deploy_that_fails_before_its_cutover_is_removed() -> None:
    failed = Observed(releases=(standing(NEW),))

    assert plan_recovery(NEW.name, GoodRelease(), failed)[-1] == Remove(NEW.name)


def test_finishing_a_killed_deploy_that_fails_leaves_the_live_release_alone() -> None:
    assert plan_recovery(NEW.name, good(NEW), observed(NEW)) == ()


@pytest.mark.parametrize("live", [None, "a"])
def test_accessories_found_stopped_are_started_before_anything_else(live: str | None) -> None:
    wanted = rendered("a", accessories=("cache", "db", "init"))
    before = dataclasses.replace(
        observed(wanted if live else None), accessories={"cache": "running", "db": "exited", "init": "ended"}
    )

    assert plan_rollout(wanted, before, Patience())[0] == Revive(("db",))


def test_an_environment_that_is_held_stays_so_until_the_cutover() -> None:
    held = dataclasses.replace(observed(OLD), routing=Routing(stands=False, held=True))

    serve = next(step for step in plan_rollout(NEW, held, PATIENCE) if isinstance(step, Serve))

    assert (serve.live.routes, serve.candidate.routes, serve.to) == ((), NEW.served.routes, NEW.name)
