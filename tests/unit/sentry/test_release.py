"""Reports to Sentry during a rollout, by the real sentry-cli: complete, limited in time, never blocking."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tagship.deploy.outcome import Outcome
from tagship.engine.client import Engine
from tagship.errors import ConfigError, SentryError
from tagship.names import Place, Version
from tagship.project.schema import BakeSettings, Environment, ReleaseSettings
from tagship.project.sentry_settings import SentrySettings
from tagship.release.model import Release, Shape, Sources
from tagship.reporting.progress import Progress
from tagship.sentry import account as sentry_account
from tagship.sentry import source_maps
from tagship.sentry.companion import SentryCompanion
from tagship.sentry.release import Reporter, Subject, subject
from tagship.variables import resolve
from tests.fakes import sentries
from tests.fakes.builders import nobody
from tests.fakes.repositories import Repository
from tests.fakes.sentries import ORG, TOKEN, Sentry
from tests.fakes.servers import Answer

PLACE = Place("shop", "staging")
CALLS = json.loads(Path(__file__).with_name("sentry_calls.json").read_text())
"""`METHOD path` of a full release, in their order, written down from a run against a real Sentry."""
MAPS = {"service": "web", "project": "frontend", "served": "/srv", "maps": "/maps"}


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch) -> None:
    """The release's image has one bundle with its map."""
    debug_id = "0b3c9a52-5a0e-4d5b-9a4e-0c2f6d0f1a11"

    def fetch(_engine: Engine, _image: str, _settings: object, folder: Path, **_: object) -> tuple[str, ...]:
        (folder / "served").mkdir(parents=True)
        (folder / "maps").mkdir()
        (folder / "served/app.js").write_text(f"console.log(1)\n//# debugId={debug_id}\n")
        content = {"version": 3, "sources": ["a.ts"], "sourcesContent": ["x"], "mappings": "AAAA", "names": []}
        (folder / "maps/app.js.map").write_text(json.dumps({**content, "debug_id": debug_id, "debugId": debug_id}))
        return ()

    monkeypatch.setattr(source_maps, "fetch", fetch)


def settings(**over: Any) -> SentrySettings:  # noqa: ANN401 - tagship.yml's
    return SentrySettings.model_validate({"org": "acme", "projects": ["backend", "frontend"], "within": 60, **over})


def a_subject(repository: Repository, **over: Any) -> Subject:  # noqa: ANN401 - its fields
    """The repository's second commit, after its first."""
    repository.write("app.py", "print(2)\n")
    sha = repository.commit("Mend the app")
    known: dict[str, Any] = {
        "version": sentries.VERSION, "before": f"shop@{repository.first}", "environment": "staging",
        "url": "https://staging.example.com", "sha": sha, "previous": repository.first, "image": "sha256:1",
    }  # fmt: skip
    return Subject(**{**known, **over})


@contextmanager
def beside(
    told: Subject, wanted: SentrySettings, engine: Engine, bake: BakeSettings | None = None
) -> Iterator[SentryCompanion]:
    """Around a rollout that tells Sentry of it."""
    release = ReleaseSettings(bake=bake or BakeSettings())
    environment = Environment(name="staging", app="shop", engine="local", url="https://x", release=release)
    companion = SentryCompanion(environment, wanted, engine, nobody, Progress(quiet=True))
    companion.begin(told)
    try:
        yield companion
    except BaseException:
        companion.give_up()
        raise


def told_of(companion: SentryCompanion) -> tuple[str, ...]:
    """What is said once the rollout has succeeded."""
    at = "2026-01-01T00:00:00+00:00"
    done = Outcome("staging", "shop-staging-b", "b" * 40, "", "https://x", changed=True, images={}, at=at, seconds=7)
    return companion.after(done)


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; half a minute at most."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def reporter(sentry: Sentry, engine: Engine, told: Subject, **over: Any) -> Reporter:  # noqa: ANN401 - tagship.yml's
    found = Reporter(told, settings(**over), sentry.account(), engine, nobody)
    found.until.move(60)
    return found


@pytest.mark.usefixtures("image")
def test_a_full_release_makes_every_call_that_was_written_down(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    repository.run("remote", "add", "origin", "https://github.com/acme/shop.git")
    reporting = reporter(sentry, engine, a_subject(repository), **{"source-maps": MAPS})

    reporting.prepare()
    reporting.record(1767225600, 7.4)

    version = sentries.VERSION
    made = [call.replace(version.replace("@", "%40"), "VERSION").replace(version, "VERSION") for call in sentry.calls]
    assert reporting.failures == []
    assert made == CALLS


@pytest.mark.usefixtures("image")
def test_a_full_release_says_what_belongs_to_it(sentry: Sentry, engine: Engine, repository: Repository) -> None:
    told = a_subject(repository)
    reporting = reporter(sentry, engine, told, **{"source-maps": MAPS})

    reporting.prepare()
    reporting.record(1767225600, 7.4)

    assert sentry.body("POST /releases/")["projects"] == ["backend", "frontend"]
    (commit,) = sentry.body(f"PUT /releases/{told.version.replace('@', '%40')}/")["commits"]
    assert (commit["id"], commit["message"], commit["patch_set"]) == (
        told.sha, "Mend the app", [{"path": "app.py", "type": "M"}],
    )  # fmt: skip
    bundle = sentry.body("POST /artifactbundle/assemble/")
    assert (bundle["projects"], bundle["version"]) == (["frontend"], told.version)
    assert "dateReleased" in sentry.body(f"PUT /releases/{told.version}/")
    deploy = sentry.body(f"POST /releases/{told.version}/deploys/")
    assert (deploy["environment"], deploy["url"]) == ("staging", told.url)
    assert (deploy["dateStarted"], deploy["dateFinished"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:07Z")


def test_an_integrations_repository_is_told_the_range_and_needs_no_history(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    repository.run("remote", "add", "origin", "https://github.com/acme/shop.git")
    sentry.server.answers[f"GET {ORG}/repos/"] = Answer(body=[{**sentries.REPO, "dateCreated": "2026-01-01T00:00:00Z"}])
    told = a_subject(repository, previous="c" * 40, image="")
    reporting = reporter(sentry, engine, told)

    reporting.prepare()

    assert reporting.failures == []
    (ref,) = sentry.body(f"PUT /releases/{told.version}/")["refs"]
    assert (ref["repository"], ref["previousCommit"], ref["commit"]) == ("acme/shop", "c" * 40, told.sha)


@pytest.mark.usefixtures("image")
def test_a_shallow_clone_says_what_to_do_and_stops_nothing_else(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    told = a_subject(repository)
    repository.write(".git/shallow", f"{told.sha}\n")
    reporting = reporter(sentry, engine, Subject(**{**vars(told), "previous": "c" * 40}), **{"source-maps": MAPS})

    reporting.prepare()

    (said,) = reporting.failures
    assert said.startswith(
        "Sentry, commits: Commit cccccccc is not in this shallow clone. (fetch the whole history: `fetch-"
    )
    assert "POST /artifactbundle/assemble/" in sentry.calls


def test_a_rollback_is_a_deploy_of_the_older_release_and_leaves_its_commits_alone(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    reporting = reporter(sentry, engine, a_subject(repository, back=True), **{"source-maps": MAPS})

    reporting.prepare()
    reporting.record(1767225600, 2)

    assert reporting.failures == []
    assert not [call for call in sentry.calls if "repos" in call or "artifactbundle" in call]
    assert f"POST /releases/{sentries.VERSION}/deploys/" in sentry.calls


def test_a_changed_configuration_brings_no_commits(sentry: Sentry, engine: Engine, repository: Repository) -> None:
    told = a_subject(repository, image="")
    reporting = reporter(sentry, engine, Subject(**{**vars(told), "previous": told.sha}))

    reporting.prepare()

    assert sentry.calls == ["POST /releases/"]


def test_a_deploy_that_is_recorded_already_is_not_recorded_twice(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    told = a_subject(repository)
    quoted = told.version.replace("@", "%40")
    sentry.server.answers[f"GET {ORG}/releases/{quoted}/deploys/"] = Answer(body=[sentries.deploy()])

    reporter(sentry, engine, told).record(1767225600, 7.4, again=True)
    assert f"POST /releases/{told.version}/deploys/" not in sentry.calls
    assert f"PUT /releases/{told.version}/" in sentry.calls, "what wasn't finalized is"

    reporter(sentry, engine, told).record(1767225600, 8.4, again=True)
    assert sentry.calls[-1] == f"POST /releases/{told.version}/deploys/"


def test_a_release_is_finalized_once(sentry: Sentry, engine: Engine, repository: Repository) -> None:
    told = a_subject(repository)
    done = {**sentries.RELEASE, "dateReleased": "2026-01-01T00:00:00Z"}
    sentry.server.answers[f"GET {ORG}/releases/{told.version.replace('@', '%40')}/"] = Answer(body=done)

    reporter(sentry, engine, told).record(1767225600, 7.4)

    assert not [call for call in sentry.calls if call.startswith("PUT")]


def test_a_deploy_list_that_cannot_be_read_is_a_failure_of_that_part_alone(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    told = a_subject(repository)
    sentry.server.answers[f"GET {ORG}/releases/{told.version.replace('@', '%40')}/deploys/"] = Answer(500, b"oops")
    reporting = reporter(sentry, engine, told)

    reporting.record(1767225600, 7.4, again=True)

    assert [failure.partition(": ")[0] for failure in reporting.failures] == ["Sentry, deploy"]
    assert f"PUT /releases/{told.version}/" in sentry.calls


def test_a_dead_sentry_is_a_remark_and_costs_no_further_call(
    engine: Engine, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", TOKEN)

    with beside(a_subject(repository), settings(), engine) as reporting:
        remarks = told_of(reporting)

    assert remarks[0].startswith("Sentry, release: releases new: ")
    assert remarks[-1] == "repeat the report with `tagship sentry-release --env staging`"
    assert len(remarks) == 2


def test_a_sentry_that_hangs_holds_nothing_up_for_longer_than_it_may(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    let_go = threading.Event()
    sentry.server.answers[f"POST {ORG}/releases/"] = Answer(hang=let_go)

    with beside(a_subject(repository), settings(within=0.3), engine) as reporting:
        remarks = told_of(reporting)

    assert "not done in time" in remarks[0]
    assert remarks[-1].startswith("repeat the report")
    let_go.set()


def test_what_is_still_being_told_when_time_is_up_is_named(
    sentry: Sentry, engine: Engine, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr("tagship.sentry.companion.MOMENT", 0.01)
    at: list[str] = []

    def hang(reporter: Reporter) -> None:
        at.append(reporter.at)
        let_go.wait()

    monkeypatch.setattr(Reporter, "_source_maps", hang)
    told = a_subject(repository)

    with beside(told, settings(within=0.01), engine) as reporting:
        wait_for(lambda: f"PUT /releases/{told.version.replace('@', '%40')}/" in sentry.calls)
        wait_for(lambda: at[-1:] == ["source maps"])
        remarks = told_of(reporting)
    let_go.set()

    assert remarks[0] == "Sentry, source maps: not done in time"
    assert not [call for call in sentry.calls if "deploys" in call]


def test_where_sentry_is_required_its_refusal_comes_before_anything_else(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    sentry.server.answers[f"POST {ORG}/releases/"] = Answer(403, {"detail": "no permission"})

    with (
        pytest.raises(SentryError, match=r"no permission.*\n  hint: try again"),
        beside(a_subject(repository), settings(required=True), engine),
    ):
        pytest.fail("the rollout must not begin")


@pytest.mark.usefixtures("image")
def test_where_sentry_is_required_all_is_told_before_the_rollout_begins(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    with beside(a_subject(repository), settings(required=True, **{"source-maps": MAPS}), engine) as reporting:
        assert "POST /artifactbundle/assemble/" in sentry.calls
        assert told_of(reporting) == ()


def test_after_a_failed_rollout_no_deploy_is_recorded(sentry: Sentry, engine: Engine, repository: Repository) -> None:
    with pytest.raises(ZeroDivisionError), beside(a_subject(repository), settings(), engine):
        raise ZeroDivisionError

    assert not [call for call in sentry.calls if "deploys" in call]


@pytest.mark.parametrize("required", [True, False])
def test_what_is_not_set_is_said_at_once_or_in_the_end(
    engine: Engine, repository: Repository, monkeypatch: pytest.MonkeyPatch, *, required: bool
) -> None:
    for name in ("SENTRY_AUTH_TOKEN", "SENTRY_ORG"):
        monkeypatch.delenv(name, raising=False)
    lacking = SentrySettings(projects=("a",), required=required)
    said = "Sentry is configured, but sentry.org (or SENTRY_ORG), SENTRY_AUTH_TOKEN is not set."

    if required:
        with (
            pytest.raises(ConfigError, match="SENTRY_AUTH_TOKEN"),
            beside(a_subject(repository), lacking, engine),
        ):
            pytest.fail("the rollout must not begin")
    else:
        with beside(a_subject(repository), lacking, engine) as reporting:
            assert told_of(reporting) == (said,)


def test_a_release_that_bakes_is_looked_at_and_what_was_seen_is_said(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    sentry.issues = {"1": 4}
    bake = BakeSettings.model_validate({"for": "1s"})

    with beside(a_subject(repository, image=""), settings(), engine, bake) as reporting:
        reporting.while_baking(last=True)
        remarks = told_of(reporting)

    assert remarks == ("Sentry finds shop@bbbbbbbb unhealthy: new issues: 4, of 0 allowed",)


@pytest.mark.usefixtures("image")
def test_a_release_that_does_not_bake_is_not_looked_at(sentry: Sentry, engine: Engine, repository: Repository) -> None:
    with beside(a_subject(repository), settings(), engine) as reporting:
        reporting.while_baking(last=True)
        assert told_of(reporting) == ()
    assert not [call for call in sentry.calls if "issues" in call]


@pytest.mark.usefixtures("sentry")
def test_a_bug_of_ours_in_telling_does_not_fail_a_deploy_either(
    engine: Engine,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Reporter, "_commits", lambda _: 1 / 0)

    with beside(a_subject(repository, image=""), settings(), engine) as reporting:
        remarks = told_of(reporting)

    assert "a bug in Tagship, ZeroDivisionError" in remarks[0]
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err
    with (
        pytest.raises(SentryError, match="ZeroDivisionError"),
        beside(a_subject(repository, image=""), settings(required=True), engine),
    ):
        pytest.fail("the rollout must not begin")


def test_a_way_back_needs_no_sentry(engine: Engine, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", TOKEN)

    with beside(a_subject(repository, back=True), settings(required=True), engine) as reporting:
        assert "Sentry, release" in told_of(reporting)[0]


def test_a_release_that_comes_back_is_not_sent_away_for_what_it_did_the_first_time(
    sentry: Sentry, engine: Engine, repository: Repository
) -> None:
    sentry.issues = {"1": 4}
    bake = BakeSettings.model_validate({"for": "1s", "on-unhealthy": "rollback"})

    with beside(a_subject(repository, image="", back=True), settings(), engine, bake) as reporting:
        reporting.while_baking(last=True)
        assert "unhealthy" in told_of(reporting)[0]


@pytest.mark.usefixtures("image")
def test_the_token_never_reaches_the_command_line(
    sentry: Sentry, engine: Engine, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spy = tmp_path / "spy"
    spy.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/argv\necho "refused for $SENTRY_AUTH_TOKEN" >&2\n[ "$1" != deploys ]\n'
    )
    spy.chmod(0o755)
    monkeypatch.setattr("tagship.sentry.cli.program", lambda: str(spy))
    reporting = reporter(sentry, engine, a_subject(repository), **{"source-maps": MAPS})

    reporting.prepare()
    reporting.record(1767225600, 7)

    argv = (tmp_path / "argv").read_text()
    assert [line.split()[1] for line in argv.splitlines()] == ["new", "upload", "finalize", "new"]
    assert TOKEN not in argv
    assert reporting.failures == ["Sentry, deploy: deploys new: spy: refused for ⟦SENTRY_AUTH_TOKEN⟧"]


@pytest.mark.parametrize("token", ["two words", "ctrl\x01", "ümlaut"])
def test_a_token_that_cannot_be_one_is_refused_unseen(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sentry_account.of(settings(), {"SENTRY_AUTH_TOKEN": token})

    assert token not in str(caught.value)
    assert sentry_account.of(settings(), {"SENTRY_AUTH_TOKEN": "pasted\n"}).token == "pasted"  # noqa: S105 - none


def test_a_release_is_named_as_the_containers_are_told() -> None:
    release, before = (
        Release(Version(digit * 40, "t"), {"web": f"image-{digit}"}, Sources({}), Shape(("web",))) for digit in "ba"
    )
    staging = Environment.model_validate(
        {"name": "staging", "app": "shop", "engine": "local", "url": "https://x", "sentry": {"source-maps": MAPS}}
    )

    told = subject(staging, release, before, back=False)

    assert told.version == resolve.sentry_variables(PLACE, "b" * 40)["SENTRY_RELEASE"] == f"shop@{'b' * 40}"
    assert (told.before, told.previous, told.image) == (f"shop@{'a' * 40}", "a" * 40, "image-b")
    assert subject(staging, release, None, back=False).before == ""
