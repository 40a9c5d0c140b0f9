"""`rollback`, `smoke-test` and `ship`, as far as they go without a server."""

import json
from pathlib import Path

import pytest

from tagship.proof import ledger
from tagship.source import compose_file
from tests.fakes.builders import entry, rendered
from tests.fakes.repositories import Repository
from tests.fakes.servers import Answer, Server
from tests.unit.commands.conftest import CONFIG, Reach, Run

OLD, NEW = rendered("a"), rendered("b")


@pytest.fixture
def smoked(app: Path, web: Server) -> Server:
    """The server behind staging's URL."""
    url = f"http://localhost:{web.port}"
    (app / "tagship.yml").write_text(CONFIG.replace("http://staging.example.com", url) + "smoke-within: 0\n")
    return web


def test_smoke_tests_an_environments_url(run: Run, smoked: Server) -> None:
    smoked.answers["GET /"] = Answer()

    ran = run("smoke-test", "--env", "staging")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("✓")


@pytest.mark.usefixtures("smoked")
def test_a_smoke_test_that_fails_has_an_exit_code_of_its_own(run: Run) -> None:
    ran = run("smoke-test", "--env", "staging")

    assert ran.code == 13
    assert "GET /: status 404, not 200" in ran.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "There is no release before the live one"),
        (["--to", "bbbb"], "No good release here has a SHA that starts with 'bbbb'"),
        (["--to", "aaaa"], f"The ledger has no record of {OLD.name}"),
    ],
)
def test_a_rollback_to_nothing_says_so_and_touches_nothing(
    run: Run, reach: Reach, daemon: Server, argv: list[str], said: str
) -> None:
    reach.add(entry(OLD))
    reach.live = OLD.name

    ran = run("rollback", "--env", "staging", "--dry-run", *argv)

    assert (ran.code, ran.out) == (4, "")
    assert said in ran.err
    assert {request.method for request in daemon.requests} == {"GET"}


def test_an_environment_out_of_reach_has_an_exit_code_of_its_own(run: Run, reach: Reach) -> None:
    reach.live = OLD.name

    assert run("rollback", "--env", "production", "--dry-run").code == 8


@pytest.mark.usefixtures("app")
def test_shipping_a_branch_of_no_environment_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REF_NAME", "feature/--x")

    ran = run("ship", "--json")

    assert (ran.code, ran.out) == (2, "")
    assert "No environment has the branch 'feature/--x'." in ran.err
    assert "hint: pass --env NAME; use one of: staging, production" in ran.err


def test_json_alone_is_on_stdout(run: Run, reach: Reach) -> None:
    reach.add(entry(OLD))

    assert json.loads(run("history", "--env", "staging", "--json").out)


COMPOSE = {"name": "shop", "services": {"web": {"build": {"context": "."}, "healthcheck": {"test": ["CMD", "true"]}}}}
FOUND = Answer(headers={"Docker-Content-Digest": f"sha256:{'1' * 64}"})


@pytest.fixture
def committed(reach: Reach, repository: Repository, web: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A commit of an app with a registry, and a `docker-compose` that knows its one Compose file; its SHA."""
    assert reach
    plugin = repository.folder.parent / "docker" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"#!/bin/sh\ncase \"$*\" in *'-f - '*) cat;; *) echo '{json.dumps(COMPOSE)}';; esac\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(plugin.parents[1]))
    registry = f"registry: localhost:{web.port}/shop\nroutes: {{/*: web:8000}}\n"
    config = CONFIG.replace("engine: local", 'engine: "ssh://deploy@staging.example"')
    repository.write("tagship.yml", config + registry)
    repository.write("docker-compose.yml", json.dumps(COMPOSE))
    repository.write("Dockerfile", "FROM scratch")
    return repository.commit()


def test_a_deploy_plans_the_release_of_the_commit_that_was_asked_for(
    run: Run, committed: str, repository: Repository, web: Server
) -> None:
    repository.write("app.py", "print(2)\n")
    repository.commit()
    web.answers[f"HEAD /v2/shop/web/manifests/{committed}"] = FOUND

    ran = run("deploy", "--env", "staging", "--sha", committed[:8], "--dry-run")

    assert ran.code == 0, ran.err
    assert f"staging: nothing → shop-staging-{committed[:8]}-" in ran.out
    assert "Cut over to" in ran.out


def test_a_ship_says_what_it_would_build_and_then_plans_the_same_deploy(run: Run, committed: str, web: Server) -> None:
    image = f"localhost:{web.port}/shop/web:{committed}"

    lacking = run("ship", "--env", "staging", "--dry-run")
    web.answers[f"HEAD /v2/shop/web/manifests/{committed}"] = FOUND
    there = run("ship", "--env", "staging", "--dry-run")

    assert (lacking.code, there.code) == (0, 0), lacking.err + there.err
    assert lacking.out.startswith(f"build and push: {image}\n")
    assert image not in there.out
    assert f"staging: nothing → shop-staging-{committed[:8]}-" in there.out


def test_an_embedded_registry_that_was_never_started_has_nothing_and_spoils_no_plan(
    run: Run, committed: str, repository: Repository
) -> None:
    config = Path(repository.folder / "tagship.yml")
    lines = [line for line in config.read_text().splitlines() if not line.startswith("registry:")]
    config.write_text("\n".join([*lines, "registry: embedded", ""]))
    repository.commit()

    planned = [run(task, "--env", "staging", "--dry-run") for task in ("ship", "deploy")]

    assert [ran.code for ran in planned] == [0, 0], planned
    assert planned[0].out.startswith("build and push: localhost:")
    assert committed[:8] not in planned[1].out, "it is another commit by now"


def test_a_migration_is_refused_where_none_is_configured(run: Run, committed: str) -> None:
    ran = run("migrate", "--env", "staging", "--sha", committed[:8])

    assert (ran.code, "tagship.yml has no migrations" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--canary", "some"), "--canary some isn't a percentage"),
        (("--canary", "0%"), "--canary 0% isn't a percentage"),
        (
            ("--canary", "100%"),
            "--canary 100% isn't a percentage from 0.1% to 99.9%.\n  hint: write it like --canary 10%",
        ),
        (("--canary", "nan"), "--canary nan isn't a percentage"),
        (("--canary", "nan%"), "--canary nan% isn't a percentage"),
        (("--canary", "1e1%"), "--canary 1e1% isn't a percentage"),
        (("--canary", "\u0661\u0660%"), "--canary \u0661\u0660% isn't a percentage"),
        (("--canary", "0.1"), "--canary 0.1 isn't a percentage"),
        (("--canary", "10%", "--for", "0"), "--for 0 is no duration"),
        (("--canary", "10%", "--for", "\u0661\u0660m"), "--for \u0661\u0660m is no duration"),
        (("--canary", "10%", "--for", "long"), "--for long is no duration"),
        (("--for", "5m"), "--for says how long a canary lasts"),
    ],
)
@pytest.mark.usefixtures("app")
def test_a_canary_of_no_share_or_duration_is_refused(run: Run, words: tuple[str, ...], problem: str) -> None:
    ran = run("deploy", "--env", "staging", *words)

    assert ran.code == 64
    assert problem in ran.err


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("duration", ["long", "0", "0s", "1e2", "9" * 400])
def test_a_hold_of_no_duration_is_refused(run: Run, duration: str) -> None:
    ran = run("deploy", "--env", "staging", "--hold", duration)

    assert ran.code == 64
    assert f"--hold {duration} is no duration" in ran.err


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("task", "option"),
    [
        *(("deploy", option) for option in ("canary", "hold", "for", "sha")),
        ("rollback", "to"),
        ("backup.restore", "part"),  # its default isn't empty
        ("github.protect", "reviewer"),  # given once or more
    ],
)
@pytest.mark.parametrize("joined", [True, False])
def test_an_option_given_empty_is_not_one_left_out(run: Run, task: str, option: str, *, joined: bool) -> None:
    ran = run(task, "--env", "staging", *([f"--{option}="] if joined else [f"--{option}", ""]))

    assert ran.code == 64
    assert f"--{option} is empty.\n  hint: " in ran.err, "an unset variable would send the release to everyone"


@pytest.mark.parametrize("task", ["candidate.url", "candidate.accept", "candidate.reject"])
def test_without_a_candidate_that_waits_there_is_none_to_see_or_decide(run: Run, reach: Reach, task: str) -> None:
    reach.edge = False

    ran = run(task, "--env", "staging")

    assert ran.code == 9
    assert "No candidate waits in staging" in ran.err


@pytest.mark.parametrize("task", ["deploy", "ship"])
def test_the_compose_files_that_are_read_ahead_are_those_of_the_environment(
    run: Run, app: Path, reach: Reach, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    text = CONFIG.replace("branch: main", "branch: main, compose: [compose.yml, compose.staging.yml]")
    (app / "tagship.yml").write_text(text)
    read: list[tuple[str, ...]] = []
    monkeypatch.setattr(compose_file, "merged", lambda files, *_: read.append(files))

    run(task, "--env", "staging")

    assert reach.settings is None
    assert read == [("compose.yml", "compose.staging.yml")]


def test_a_proxy_that_smoke_tests_can_not_use_is_refused_before_anything_changes(
    run: Run, reach: Reach, daemon: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach.add(entry(OLD))
    reach.add(entry(NEW))
    reach.live = NEW.name
    reach.records[OLD.name] = ledger.encode_record(OLD.record)
    monkeypatch.setenv("all_proxy", "socks5h://127.0.0.1:1080")
    monkeypatch.delenv("http_proxy", raising=False)

    ran = run("rollback", "--env", "staging")

    assert ran.code == 2
    assert "all_proxy is no proxy that smoke tests can use." in ran.err
    assert {request.method for request in daemon.requests} <= {"GET"}
