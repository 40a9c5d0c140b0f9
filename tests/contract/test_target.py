"""What a plan may rely on, in an environment in memory and in a real one."""

import dataclasses
from collections.abc import Callable

import pytest

from tagship.deploy.canary import Terms, UnderWay
from tagship.deploy.observed import Routing
from tagship.deploy.rollback_plan import FIRST
from tagship.deploy.target import Target
from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.errors import RolloutError, SmokeTestError
from tagship.images.registry import Registry, split
from tagship.names import LABEL, RUN_BY, Place, Version
from tagship.proof import ledger
from tagship.proof.ledger import Entry
from tagship.release import render
from tagship.release.model import Release, Rendered, Route, Served, Shape, Sources
from tagship.testing import MemoryTarget
from tests.rig import Rig

ROUTES = (Route("/*", "web", 8000),)
HEALTHY = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/')"
SERVE = ["python3", "-m", "http.server", "8000", "--directory", "/etc/apt"]

Made = Callable[[str], Rendered]


@pytest.fixture
def image(request: pytest.FixtureRequest, target: Target) -> str:
    """An image by digest, that the rig's registry has where there is a rig."""
    if isinstance(target, MemoryTarget):
        return f"registry.example/python@sha256:{'1' * 64}"
    rig: Rig = request.getfixturevalue("rig")
    repository = rig.image("python").removesuffix(":latest")
    host, name = split(repository)
    return f"{repository}@{Registry(host, insecure=True).digest(name, 'latest')}"


@pytest.fixture
def made(place: Place, image: str) -> Made:
    """Makes the release of a commit whose SHA is that digit: `web` with a route, and `worker` without."""

    def rendered(digit: str) -> Rendered:
        # `sleep` and http.server as process 1 don't mind SIGTERM
        common = {"image": "built", "stop_signal": "SIGKILL", "networks": {"default": None}}
        check = {"test": ["CMD", "python3", "-c", HEALTHY], "interval": "1s"}
        resolved = {
            "services": {
                "web": {**common, "command": SERVE, "healthcheck": check},
                "worker": {**common, "command": ["sleep", "600"]},
            }
        }
        version = Version(digit * 40)
        release = Release(version, {"web": image, "worker": image}, Sources(resolved), Shape(("web", "worker"), ROUTES))
        return render.render_release(place, release, resolved, {}, place.release_name(version, "c0ffee"))

    return rendered


def create(target: Target, rendered: Rendered) -> None:
    """Make a release's containers."""
    target.pull(sorted(set(rendered.release.images.values())))
    target.prepare(rendered)
    target.create(rendered)


def counts(target: Target, rendered: Rendered) -> tuple[dict[str, int], dict[str, int]]:
    """How many containers of each service there are, and how many run."""
    standing = target.observe().standing(rendered.name)
    assert standing
    return dict(standing.present), dict(standing.running)


def test_a_release_is_created_started_service_by_service_stopped_and_resumed(target: Target, made: Made) -> None:
    release = made("a")
    both = {"web": 1, "worker": 1}

    create(target, release)
    assert counts(target, release) == (both, {})
    assert target.observe().live == ""

    target.start(release, ["web"])
    assert counts(target, release) == (both, {"web": 1})

    target.start(release, ["worker", "web"])
    assert counts(target, release) == (both, both)

    target.stop(release.name, ["worker"])
    assert counts(target, release) == (both, {"web": 1})

    target.resume(release.name, ["worker", "web"])
    assert counts(target, release) == (both, both)

    target.create(release)  # a killed deploy is finished: what is there stays as it is
    assert counts(target, release) == (both, both)

    target.stop(release.name, [])
    assert counts(target, release) == (both, {})


def test_a_service_without_a_container_is_not_started_or_resumed_in_silence(target: Target, made: Made) -> None:
    release = made("a")
    target.pull(tuple(release.release.images.values()))
    target.prepare(release)

    with pytest.raises(RolloutError, match=f"{release.name} has lost containers of web"):
        target.start(release, ["web"])
    with pytest.raises(RolloutError, match=f"{release.name} has lost containers of web"):
        target.resume(release.name, ["web"])


@pytest.mark.parametrize("target", ["server"], indirect=True)
def test_a_container_that_exists_is_kept_whatever_compose_would_make_of_it(
    target: Target, made: Made, engine: Engine
) -> None:
    release = made("a")
    create(target, release)
    before = {container.id for container in containers.of(engine, release.name)}
    services = {name: {**service, "hostname": "other"} for name, service in release.model["services"].items()}

    target.create(dataclasses.replace(release, model={**release.model, "services": services}))

    assert {container.id for container in containers.of(engine, release.name)} == before


@pytest.mark.parametrize("target", ["server"], indirect=True)
def test_a_one_off_that_a_killed_deploy_has_not_started_is_gone_and_a_persons_stays(
    target: Target, made: Made, engine: Engine
) -> None:
    release = made("a")
    create(target, release)
    for name, run_by in (("killed", {}), ("waits", {RUN_BY: "ann"})):
        labels = {"com.docker.compose.project": release.name, "com.docker.compose.oneoff": "True"}
        labels |= {f"{LABEL}.app": "contract", **run_by}
        settings = {"Image": release.release.images["web"], "Labels": labels}
        engine.call("POST", "/containers/create", settings, name=f"{release.name}-{name}")

    target.start(release, ["web"])

    shown = engine.get("/containers/json", all=True, filters={"label": ["com.docker.compose.oneoff=True"]})
    ours = [each["Names"][0] for each in shown if each["Labels"]["com.docker.compose.project"] == release.name]
    assert ours == [f"/{release.name}-waits"]


def test_a_candidate_is_reached_by_its_key_and_live_by_everyone(target: Target, made: Made) -> None:
    old, new = made("a"), made("b")
    for release in (old, new):
        create(target, release)
        target.start(release, ["web"])
    target.serve(old.served, old.served)
    target.cutover(old.name)

    target.smoke_test(new.name, candidate=True)
    target.smoke_test(old.name, candidate=False)
    with pytest.raises(SmokeTestError, match=f"{old.name}.* answered, not {new.name}"):
        target.smoke_test(new.name, candidate=False)
    assert (target.observe().live, target.observe().live_release) == (old.name, old.release)

    target.cutover(new.name)

    target.smoke_test(new.name, candidate=False)
    assert (target.observe().live, target.observe().live_release) == (new.name, new.release)


def test_a_canary_reaches_visitors_until_it_is_ended_or_live(target: Target, made: Made) -> None:
    old, new = made("a"), made("b")
    for release in (old, new):
        create(target, release)
        target.start(release, ["web"])
    target.serve(old.served, old.served)
    target.cutover(old.name)
    assert target.observe().canary is None

    target.canary(new.name, Terms(100, 0.1), bool)

    assert target.observe().canary == UnderWay(new.name, 100)
    target.smoke_test(new.name, candidate=False)
    assert (target.observe().live, target.observe().routing.stands) == (old.name, True)

    target.end_canary()

    assert target.observe().canary is None
    target.smoke_test(old.name, candidate=False)

    target.canary(new.name, Terms(100, 0.1), bool)
    target.cutover(new.name)

    assert target.observe().canary is None
    target.smoke_test(new.name, candidate=False)


def test_whether_the_live_releases_routes_stand_is_observed(target: Target, made: Made) -> None:
    release = made("a")
    create(target, release)
    assert not target.observe().routing.here

    target.serve(release.served, release.served)
    target.cutover(release.name)
    assert target.observe().routing == Routing(stands=True, here=True)

    target.serve(Served((Route("/other", "web", 8000),)), release.served)
    assert target.observe().routing == Routing(stands=False, here=True)

    target.serve(Served(()), Served(()))
    assert target.observe().routing == Routing(stands=False, here=False)


def test_a_cutover_changes_the_routes_of_everyone_in_the_same_instant(target: Target, made: Made) -> None:
    old, new = made("a"), made("b")
    for release in (old, new):
        create(target, release)
        target.start(release, ["web"])
    only_worker = Served((Route("/*", "worker", 8000),))  # which runs in neither
    target.serve(only_worker, old.served, to=new.name)
    target.cutover(old.name)
    target.smoke_test(old.name, candidate=False)

    target.cutover(new.name)
    with pytest.raises(SmokeTestError):
        target.smoke_test(new.name, candidate=False)

    target.cutover(old.name)
    target.smoke_test(old.name, candidate=False)


def test_an_environment_may_be_served_elsewhere_beside_its_own_url_or_only_there(target: Target, made: Made) -> None:
    release = made("a")
    create(target, release)
    target.start(release, ["web"])
    target.cutover(release.name)
    there = ("http://elsewhere.example",)

    target.serve(release.served, release.served, elsewhere=there)
    target.smoke_test(release.name, candidate=False)
    assert target.observe().routing == Routing(stands=False, here=True, elsewhere=there)

    target.serve(release.served, release.served, elsewhere=there, here=False)
    assert target.observe().routing == Routing(stands=False, here=False, elsewhere=there)

    target.serve(release.served, release.served)
    assert target.observe().routing == Routing(stands=True, here=True)


def test_nothing_answers_for_a_release_that_does_not_run(target: Target, made: Made) -> None:
    release = made("a")
    create(target, release)
    target.serve(release.served, release.served)
    target.cutover(release.name)

    with pytest.raises(SmokeTestError):
        target.smoke_test(release.name, candidate=False)


def test_a_removed_release_is_gone_and_can_be_made_again(target: Target, made: Made) -> None:
    release = made("a")
    create(target, release)
    target.start(release, ["web"])

    target.remove(release.name)
    assert target.observe().releases == ()
    target.remove(release.name)

    create(target, release)
    assert counts(target, release)[1] == {}


def test_what_is_not_there_can_be_stopped(target: Target, made: Made) -> None:
    release = made("a")

    target.stop(release.name, [])

    assert target.observe().releases == ()


def test_a_release_needs_its_network_before_its_containers(target: Target, made: Made) -> None:
    release = made("a")
    target.pull(sorted(set(release.release.images.values())))

    with pytest.raises(RolloutError):
        target.create(release)

    assert target.observe().releases == ()


def test_a_release_without_migrations_migrates_nothing(target: Target, made: Made) -> None:
    release = made("a")
    target.prepare(release)

    assert target.migrate(release, FIRST).applied == ()


def test_the_ledger_is_what_was_recorded_in_that_order(target: Target, made: Made) -> None:
    release = made("a")
    entries = [
        Entry("2026-01-01T00:00:00", "deploy", result, release.name, release.release.version.tag, why="'$x' ⟦S⟧ \\n")
        for result in (ledger.FAILED, ledger.GOOD)
    ]

    for entry in entries:
        target.observe()
        target.record(entry)

    assert [(entry.result, entry.why) for entry in target.observe().history] == [
        (entry.result, entry.why) for entry in entries
    ]
    assert target.observe().history[1].chain != target.observe().history[0].chain == "0" * 64
