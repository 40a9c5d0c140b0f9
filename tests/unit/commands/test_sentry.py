"""`sentry-release` and `watch`, against a Sentry on this machine."""

import dataclasses
import json

import pytest

from tagship.names import Version
from tagship.proof import ledger
from tests.fakes.builders import entry, rendered
from tests.fakes.repositories import Repository
from tests.fakes.sentries import ORG, RELEASE, Sentry
from tests.fakes.sentries import deploy as sentry_deploy
from tests.fakes.servers import Answer
from tests.unit.commands.conftest import CONFIG, Reach, Run

OLD, NEW = rendered("a"), rendered("b")
VERSION, BEFORE = f"shop@{'b' * 40}", f"shop@{'a' * 40}"
SENTRY = "sentry: {org: acme, projects: [backend, frontend]}\n"


@pytest.fixture
def deployed(reach: Reach, sentry: Sentry, repository: Repository) -> Sentry:
    """Two releases were, and Sentry has seen both, in good health."""
    repository.write("tagship.yml", CONFIG + SENTRY)
    reach.add(dataclasses.replace(entry(OLD), seconds=3))
    reach.add(dataclasses.replace(entry(NEW, OLD.name), seconds=7.4))
    reach.live = NEW.name
    reach.records = {release.name: ledger.encode_record(release.record) for release in (OLD, NEW)}
    sentry.sessions = {VERSION: {"1": (200, 0)}, BEFORE: {"1": (9000, 0)}}
    return sentry


def test_the_live_release_is_told_with_the_deploy_that_the_ledger_has(run: Run, deployed: Sentry) -> None:
    ran = run("sentry-release", "--env", "staging", "--json")

    assert "commits: Commit bbbbbbbb is not in this clone" in ran.err, "no repository here holds that commit"
    assert ran.code == 16
    recorded = deployed.body(f"POST /releases/{VERSION}/deploys/")
    assert (recorded["dateStarted"], recorded["dateFinished"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:07Z")


def test_told_again_nothing_is_recorded_twice(run: Run, deployed: Sentry, reach: Reach) -> None:
    reach.add(dataclasses.replace(entry(NEW, NEW.name), seconds=7))
    quoted = VERSION.replace("@", "%40")
    recorded = {"environment": "staging", "dateFinished": "2026-01-01T00:00:07.000000Z"}
    deployed.server.answers[f"GET {ORG}/releases/{quoted}/deploys/"] = Answer(body=[recorded])

    ran = run("sentry-release", "--env", "staging", "--json")

    assert (ran.code, "Sentry, commits" in ran.err) == (16, True), "no clone here has them"
    assert not [call for call in deployed.calls if call.endswith("deploys/") and call.startswith("POST")]


def test_an_older_release_is_told_by_any_prefix_and_a_dry_run_tells_nothing(run: Run, deployed: Sentry) -> None:
    ran = run("sentry-release", "--env", "staging", "--sha", "aaaa", "--dry-run")

    assert f"release      {BEFORE}" in ran.out
    assert deployed.calls == []


@pytest.mark.usefixtures("deployed")
def test_what_was_never_live_cannot_be_told(run: Run) -> None:
    ran = run("sentry-release", "--env", "staging", "--sha", "cccc")

    assert (ran.code, "cccc was never live there" in ran.err) == (4, True)


@pytest.mark.parametrize("task", ["sentry-release", "watch"])
@pytest.mark.usefixtures("reach")
def test_without_sentry_in_tagship_yml_both_say_so(run: Run, task: str) -> None:
    ran = run(task, "--env", "staging")

    assert ran.code == 2
    assert "tagship.yml has no `sentry`" in ran.err


def test_a_healthy_release_ends_well(run: Run, deployed: Sentry) -> None:
    deployed.errors = {VERSION: {"1": 3}, BEFORE: {"1": 4}}

    ran = run("watch", "--env", "staging", "--for", "0s")

    assert (ran.code, ran.out.splitlines()[-1]) == (0, "shop@bbbbbbbb is healthy.")
    assert "crash-free sessions  healthy  100.00%, after 100.00%" in ran.out


def test_an_unhealthy_release_has_an_exit_code_of_its_own_and_links(run: Run, deployed: Sentry) -> None:
    deployed.issues = {"2": 2}

    ran = run("watch", "--env", "staging", "--for", "10m")

    assert ran.code == 17
    assert (
        "shop@bbbbbbbb is unhealthy: new issues: 2, of 0 allowed.\n  hint: run `tagship rollback --env staging"
        in ran.err
    )
    assert f"{deployed.url}/organizations/acme/issues/" in ran.out


def test_too_little_known_is_inconclusive_with_a_code_of_its_own(run: Run, deployed: Sentry) -> None:
    deployed.server.answers[f"GET {ORG}/sessions/"] = Answer(403, {"detail": "no"})

    ran = run("watch", "--env", "staging", "--for", "0s", "--json")

    said = json.loads(ran.out)
    assert (ran.code, said["verdict"], said["before"]) == (18, "inconclusive", BEFORE)
    assert said["remarks"] == ['Sentry answered 403: {"detail": "no"} (GET /api/0/organizations/acme/sessions/).']


@pytest.mark.usefixtures("deployed")
def test_a_duration_that_is_none_is_refused(run: Run) -> None:
    ran = run("watch", "--env", "staging", "--for", "soon")

    assert (ran.code, ran.err.startswith("--for: 'soon' isn't a duration")) == (2, True)


@pytest.mark.usefixtures("deployed")
def test_nothing_deployed_yet_is_said(run: Run, reach: Reach) -> None:
    reach.live = ""

    ran = run("watch", "--env", "staging")

    assert (ran.code, "Nothing was deployed there yet." in ran.err) == (4, True)


def test_a_release_that_came_back_is_told_with_what_it_brought_the_first_time(
    run: Run, deployed: Sentry, reach: Reach
) -> None:
    reach.add(dataclasses.replace(entry(OLD, NEW.name, action="rollback"), seconds=1))
    reach.live = OLD.name
    deployed.server.answers |= {
        f"GET {ORG}/releases/{BEFORE.replace('@', '%40')}/deploys/": Answer(body=[]),
        f"GET {ORG}/releases/{BEFORE.replace('@', '%40')}/": Answer(body={**RELEASE, "dateReleased": "2026-01-01"}),
        f"PUT {ORG}/releases/{BEFORE}/": Answer(body=RELEASE),
        f"POST {ORG}/releases/{BEFORE}/deploys/": Answer(201, sentry_deploy()),
    }

    ran = run("sentry-release", "--env", "staging", "--json")

    assert ran.code == 16
    assert "commits: Commit aaaaaaaa is not in this clone" in ran.err, "it is asked for, though no clone here has it"
    assert deployed.body(f"POST /releases/{BEFORE}/deploys/")["dateFinished"] == "2026-01-01T00:00:01Z"


def test_a_prefix_that_means_two_releases_is_refused(run: Run, deployed: Sentry, reach: Reach) -> None:
    twin = rendered("a")
    reach.add(dataclasses.replace(entry(twin, NEW.name), tag=f"{'a' * 39}b", release="twin"))

    ran = run("sentry-release", "--env", "staging", "--sha", "aaaa")

    assert (ran.code, "give more digits" in ran.err, deployed.calls) == (4, True, [])


def test_a_release_whose_commit_is_here_is_told_whole(
    run: Run, deployed: Sentry, reach: Reach, repository: Repository
) -> None:
    sha = repository.commit("Mend the app")
    version = f"shop@{sha}"
    for line, said in list(deployed.server.answers.items()):
        here = line.replace(VERSION, version).replace(VERSION.replace("@", "%40"), version.replace("@", "%40"))
        deployed.server.answers[here] = said
    release = dataclasses.replace(NEW.record.release, version=Version(sha))
    reach.ledger.clear()
    reach.add(dataclasses.replace(entry(NEW), tag=sha, seconds=7.4))
    reach.records = {NEW.name: ledger.encode_record(dataclasses.replace(NEW.record, release=release))}

    ran = run("sentry-release", "--env", "staging", "--json")

    assert (ran.code, "Sentry," in ran.err) == (0, False), ran.err
    assert json.loads(ran.out)["sha"] == sha
    (commit, _) = deployed.body(f"PUT /releases/{version.replace('@', '%40')}/")["commits"]
    assert (commit["id"], commit["message"]) == (sha, "Mend the app")
    assert "dateReleased" in deployed.body(f"PUT /releases/{version}/")
    assert deployed.body(f"POST /releases/{version}/deploys/")["environment"] == "staging"
