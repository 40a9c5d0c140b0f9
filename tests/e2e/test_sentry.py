"""The example, shipped for real, is known to a real Sentry: commits, maps, deploys, and the errors it throws."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.atlas import Atlas
from tests.hello import Hello
from tests.recorder import recording
from tests.rig import Rig, Sentry
from tests.rig.errors import MissingError
from tests.rig.network import GATEWAY

CALLS = json.loads((Path(__file__).parents[1] / "unit" / "sentry" / "sentry_calls.json").read_text())
"""What a full release asks of Sentry; the unit tests hold sentry-cli to the same without a server."""


@pytest.fixture(scope="module")
def sentry(rig: Rig) -> Sentry:
    """The rig's server."""
    try:
        return rig.sentry
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def atlas(rig: Rig, sentry: Sentry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """The example at its first version, on the host with the current engine."""
    host = rig.hosts[0]
    rig.reset(host)
    app = Atlas(rig, sentry, host, tmp_path_factory.mktemp("atlas") / "app")
    app.commit("Version 1")
    app.tagship("accessories.up", "--env", "staging")
    app.ship()
    yield app
    rig.reset(host)


def test_tagships_own_runs_are_traces_and_scheduled_ones_check_in(hello: Hello, sentry: Sentry) -> None:
    hello.commit()
    hello.ship("host1")
    project = f"tagship-{hello.name}-{secrets.token_hex(3)}"
    reporting = {"TAGSHIP_SENTRY_DSN": sentry.dsn(project), "HELLO_PASSWORD": "canary-password"}

    hello.tagship("smoke-test", "--env", "host1", "--check-in", "17 */6 * * *", env=reporting)

    (transaction,) = (item.payload for item in sentry.received(project, "transaction"))
    assert transaction["transaction"] == "smoke.smoke_test"
    assert [span["description"] for span in transaction["spans"]] == [
        f"Smoke-test {hello.settings['environments']['host1']['url']}"
    ]
    (monitor,) = (m for m in sentry.get("organizations/acme/monitors/") if m["project"]["slug"] == project)
    assert (monitor["slug"], monitor["config"]["schedule"]) == (f"{hello.name}-smoke-test-host1", "17 */6 * * *")
    assert [environment["status"] for environment in monitor["environments"]] == ["ok"]
    assert "canary" not in json.dumps([item.payload for item in sentry.received(project)])


def until(look: Callable[[], Any], seconds: float = 20) -> Any:  # noqa: ANN401 - whatever it finds
    """What is found within that time."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def deploys(sentry: Sentry, version: str) -> list[dict[str, Any]]:
    """Those that Sentry has of a release."""
    found: list[dict[str, Any]] = sentry.get(f"organizations/{sentry.organization}/releases/{version}/deploys/")
    return found


def thrown(sentry: Sentry, project: str, version: str, value: str) -> dict[str, Any]:
    """The error of a release with that message, once it has arrived."""

    def look() -> dict[str, Any] | None:
        return next((e for e in sentry.events(project) if e["release"] == version and value in json.dumps(e)), None)

    found: dict[str, Any] | None = until(look)
    assert found, [(e.get("release"), e.get("title")) for e in sentry.events(project)]
    return found


def test_a_ship_leaves_a_release_with_its_commits_its_bundle_and_its_deploy(atlas: Atlas, sentry: Sentry) -> None:
    assert not atlas.ship()["changed"]
    (atlas.app.folder / "README.md").write_text("Version 2\n")
    middle = atlas.commit("Say more")
    atlas.app.second_version()
    sha = atlas.commit("Version 2: bedrooms, with a migration")

    with recording(sentry.url, GATEWAY) as recorder:
        shipped = atlas.ship(SENTRY_URL=recorder.url)

    base = f"organizations/{sentry.organization}/releases/{atlas.version}/"
    assert shipped["warnings"] == []
    release = sentry.get(base)
    assert {project["slug"] for project in release["projects"]} == set(atlas.projects.values())
    assert release["dateReleased"]
    assert {commit["id"] for commit in sentry.get(f"{base}commits/")} == {middle, sha}
    (deploy,) = deploys(sentry, atlas.version)
    assert (deploy["environment"], deploy["url"]) == ("staging", atlas.url)
    files = f"projects/{sentry.organization}/{atlas.projects['frontend']}/files/artifact-bundles/"
    bundles = sentry.get(files, query=atlas.version)
    assert bundles[0]["fileCount"] >= 4
    assert recorder.shortened(f"/api/0/organizations/{sentry.organization}", atlas.version) == CALLS


def test_the_containers_know_what_they_are_part_of_and_serve_no_map(atlas: Atlas) -> None:
    configuration = json.loads(atlas.get("/config.json"))

    assert (configuration["sentryRelease"], configuration["sentryEnvironment"]) == (atlas.version, "staging")
    bundles = [word for word in atlas.get("/").split('"') if word.startswith("/assets/") and word.endswith(".js")]
    assert [atlas.status(bundle) for bundle in bundles] == [200] * len(bundles)
    assert [atlas.status(f"{bundle}.map") for bundle in bundles] == [404] * len(bundles)


def test_an_error_in_the_deployed_backend_arrives_under_its_release(atlas: Atlas, sentry: Sentry) -> None:
    assert atlas.status("/api/error") == 500

    event = thrown(sentry, atlas.projects["backend"], atlas.version, "api/error")

    assert event["environment"] == "staging"
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["filename"] == "atlas/demo.py"


def test_an_error_in_the_deployed_frontend_arrives_with_its_own_source(rig: Rig, atlas: Atlas, sentry: Sentry) -> None:
    rig.browser.open(f"{atlas.url}/#throw")

    event = thrown(sentry, atlas.projects["frontend"], atlas.version, "yieldOf")

    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    ours = ["compareOffers", "yieldOf", "percentage"]
    assert [frame["function"] for frame in frames if frame["function"] in ours] == ours
    assert frames[-1]["filename"].endswith("src/demo.ts")
    assert "throw" in frames[-1]["context_line"]
    assert event["environment"] == "staging"


def test_the_release_is_unhealthy_now_and_watching_it_says_so(atlas: Atlas) -> None:
    ran = until(lambda: (r := atlas.run("watch", "--env", "staging", "--for", "0s", "--json")).returncode == 17 and r)

    assert ran, atlas.run("watch", "--env", "staging", "--for", "0s").stderr
    said = json.loads(ran.stdout)
    assert {signal["name"]: signal["verdict"] for signal in said["signals"]}["new issues"] == "unhealthy"
    assert said["remarks"] == [], "a real server understands every question"


def test_telling_it_again_records_nothing_twice(atlas: Atlas, sentry: Sentry) -> None:
    before = deploys(sentry, atlas.version)

    atlas.tagship("sentry-release", "--env", "staging")

    assert deploys(sentry, atlas.version) == before


def test_a_rollback_is_a_deploy_of_the_older_release(atlas: Atlas, sentry: Sentry) -> None:
    atlas.tagship("rollback", "--env", "staging")

    first = f"atlas-investor@{json.loads(atlas.get('/api/version'))['sha']}"
    assert first != atlas.version
    assert len(deploys(sentry, first)) == 2
    assert len(deploys(sentry, atlas.version)) == 1


def test_an_unhealthy_release_that_bakes_is_switched_back(rig: Rig, atlas: Atlas, sentry: Sentry) -> None:
    serving = json.loads(atlas.get("/api/version"))["sha"]
    atlas.bake("2m", on_unhealthy="rollback")
    atlas.app.replace("frontend/src/demo.ts", "percentage", "share")  # an error nobody has seen before
    atlas.commit("Version 3: nobody knows yet that it throws")
    baking = atlas.start("ship", "--env", "staging")

    assert until(lambda: json.loads(atlas.get("/api/version"))["sha"] == atlas.sha, 600)
    rig.browser.open(f"{atlas.url}/#throw")
    _, said = baking.communicate(timeout=600)

    assert baking.returncode == 17, said
    assert "unhealthy" in said
    assert json.loads(atlas.get("/api/version"))["sha"] == serving
    assert deploys(sentry, atlas.version) == []


def test_a_sentry_that_is_required_and_down_stops_a_deploy_before_anything_changes(
    atlas: Atlas, sentry: Sentry
) -> None:
    atlas.bake("0s", required=True)
    atlas.commit("Version 4")
    before = atlas.history()

    sentry.stop()
    try:
        ran = atlas.run("ship", "--env", "staging")
    finally:
        sentry.start()

    assert ran.returncode == 16, ran.stderr
    assert "nothing was changed" in ran.stderr
    assert atlas.history() == before


@pytest.mark.thorough
def test_a_sentry_that_is_down_fails_no_deploy_and_can_be_told_later(atlas: Atlas, sentry: Sentry) -> None:
    atlas.bake("0s")
    atlas.commit("Version 5")

    sentry.stop()
    try:
        shipped = atlas.ship()
    finally:
        sentry.start()
    assert shipped["changed"]
    assert shipped["warnings"][-1] == "repeat the report with `tagship sentry-release --env staging`"

    atlas.tagship("sentry-release", "--env", "staging")

    (deploy,) = deploys(sentry, atlas.version)
    assert deploy["environment"] == "staging"
