"""Which cases of the faults are tried, and in what order."""

from tests.faults.deployer import plain
from tests.faults.invariants import EDGE
from tests.faults.kinds import KINDS
from tests.faults.matrix import Choice, chosen
from tests.faults.points import Point
from tests.faults.scene import LIVE, LOCK, NEW

STEPS = ("Build a commit", "Create a release", "Cut over to a release", "Drain a release")
HAS = frozenset({EDGE, LOCK, LIVE, NEW})
POINTS = {"deploy": [Point(step, phase, HAS) for step in STEPS for phase in ("before", "during", "after")]}
QUICK = {name for name, kind in KINDS.items() if not kind.slow}


def test_two_servers_together_try_most_kinds_at_every_step_of_a_deploy_and_of_others_each_kind_and_step() -> None:
    points = {**POINTS, "rollback": POINTS["deploy"]}

    tried = [case for number in (1, 2) for case in chosen(points, Choice(), number)]

    deploys = [(case.kind, case.point.step) for case in tried if case.command == "deploy"]
    assert len(deploys) == len(set(deploys))
    for step in STEPS:
        assert len({kind for kind, at in deploys if at == step}) >= 16
    assert {kind for kind, _ in deploys} >= QUICK
    rollbacks = [case for case in tried if case.command == "rollback"]
    assert {case.kind for case in rollbacks} >= QUICK
    assert {case.point.step for case in rollbacks} == set(STEPS)
    assert len(rollbacks) < len(deploys)


def test_steps_that_no_deploy_has_meet_a_quarter_of_all_kinds() -> None:
    restore = [Point(step, phase, HAS) for step in ("Connect", *STEPS[:2], "Swap it") for phase in ("before", "after")]
    points = {"deploy": [*POINTS["deploy"], Point("Connect", "before", HAS)], "restore": restore}

    tried = [case for number in (1, 2) for case in chosen(points, Choice(), number) if case.command == "restore"]

    assert len({(case.kind, case.point.step) for case in tried}) == len(tried)
    assert sum(case.point.step == "Swap it" for case in tried) >= len(QUICK) // 4
    assert len(tried) <= len(KINDS) + len(QUICK) // 4 + 1


def test_all_is_every_kind_at_every_point_of_every_step() -> None:
    cases = chosen(POINTS, Choice(all=True), 1)

    tried = {(case.kind, case.point) for case in cases}
    assert {(kind, point) for kind in QUICK for point in POINTS["deploy"]} <= tried
    assert len(cases) == len(set(cases))


def test_the_first_cases_have_every_kind_and_every_step_and_a_seed_replays_them() -> None:
    cases = chosen(POINTS, Choice(seed=5, cases=30), 1)

    assert {case.kind for case in cases} >= QUICK
    assert {case.point.step for case in cases} == set(STEPS)
    assert cases == chosen(POINTS, Choice(seed=5, cases=30), 1)
    assert cases != chosen(POINTS, Choice(seed=6, cases=30), 1)


def test_a_sample_has_every_quick_kind_once_and_every_step_on_two_servers_together() -> None:
    both = [case for number in (1, 2) for case in chosen(POINTS, Choice(sample=True), number)]

    sampled = {name for name, kind in KINDS.items() if kind.sampled}
    assert {case.kind for case in both} == sampled
    assert len(both) == len(sampled)
    assert {case.point.step for case in both} == set(STEPS)
    assert {case.number for case in both} == {1, 2}


def test_a_fault_comes_only_where_there_is_something_to_do_it_to() -> None:
    early, late = Point("Build a commit", "before", frozenset({EDGE, LIVE})), Point("Record", "before", HAS)
    points = {"deploy": [early, late]}

    for choice in (Choice(), Choice(all=True), Choice(sample=True)):
        tried = [case for number in (1, 2) for case in chosen(points, choice, number)]
        there = {case.kind for case in tried if case.point == early}
        assert there & {"lock removed", "new release killed"} == set()
        if choice == Choice():
            assert len(there) >= 16
        else:
            assert {"lock removed", "new release killed"} <= {case.kind for case in tried if case.point == late}


def test_a_steps_name_has_no_release_no_commit_and_no_backup() -> None:
    assert plain("Drain shop-staging-0123abcd-45ef67") == "Drain a release"
    assert plain("Build 0123abcd") == "Build a commit"
    assert plain("Connect to ssh://deploy@10.0.0.1:22") == "Connect to the server"
    assert plain("Migrate the database if necessary") == "Migrate the database if necessary"
    load = "Load backup 20261128T111507Z-abae54 into postgres_restore_20261128t111507z_abae54 and compare it"
    assert plain(load) == "Load a backup into a new database and compare it"
    assert plain("Back up faults2-host2 to file:///tmp/f-66zk4x5h/store2") == "Back up the environment to the store"
