"""The starter workflows: what they say for three different apps, and what no workflow or action of ours may say."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagship.errors import ConfigError
from tagship.github import workflows as starters
from tagship.project import file as config_file
from tagship.project.backup_settings import BackupSettings, DatabaseSettings
from tagship.project.beside_settings import Receiver
from tagship.project.schema import Config, Environment
from tagship.project.sentry_settings import SentrySettings
from tagship.source import references
from tests.action.lint import with_backups

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "atlas-investor"
ACTION = starters.Action(f"OWNER/tagship@{'0' * 40}", "v0.1.0")
REGISTRIES = ["embedded", "ghcr.io/owner/atlas", "registry.example.com/atlas"]


def example(registry: str = "embedded") -> Config:
    return with_backups(config_file.load(EXAMPLE / "tagship.yml").model_copy(update={"registry": registry}))


def rendered(registry: str) -> dict[str, str]:
    return starters.render(example(registry), ACTION, {"production": ["SECRET_KEY"]})


@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_workflow_is_pinned_limited_and_has_no_expression_in_a_script(registry: str) -> None:
    for path, text in rendered(registry).items():
        parsed = yaml.safe_load(text)
        if path.endswith("dependabot.yml"):
            assert parsed["updates"][0]["cooldown"]
            continue
        assert parsed["permissions"] == {}
        assert parsed["concurrency"]
        assert "«" not in text
        assert "run: |" not in text
        for job in parsed["jobs"].values():
            assert job["permissions"]
            assert job["timeout-minutes"]
            for step in job["steps"]:
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize("registry", REGISTRIES)
def test_production_is_held_by_its_environment_and_no_deploy_is_lost(registry: str) -> None:
    job = yaml.safe_load(rendered(registry)[".github/workflows/deploy.yml"])["jobs"]["production"]

    assert job["environment"] == "production"
    assert job["if"] == "github.ref_name == 'main'"
    assert job["concurrency"] == {"group": "deploy-production", "cancel-in-progress": False, "queue": "max"}
    assert "secrets.SECRET_KEY" in job["steps"][-1]["env"]["SECRET_KEY"]


def test_a_registry_gets_one_build_whose_digests_are_handed_on() -> None:
    jobs = yaml.safe_load(rendered("registry.example.com/atlas")[".github/workflows/deploy.yml"])["jobs"]

    assert list(jobs) == ["test", "build", "staging", "production"]
    assert jobs["staging"]["needs"] == "build"
    assert jobs["staging"]["steps"][-1]["with"]["digests"] == "${{ needs.build.outputs.digests }}"


def test_githubs_own_registry_needs_no_secret() -> None:
    build = yaml.safe_load(rendered("ghcr.io/owner/atlas")[".github/workflows/deploy.yml"])["jobs"]["build"]

    assert build["permissions"]["packages"] == "write"
    assert build["steps"][-1]["with"]["registry-password"] == "${{ github.token }}"


def test_an_embedded_registry_builds_and_deploys_in_one_job() -> None:
    jobs = yaml.safe_load(rendered("embedded")[".github/workflows/deploy.yml"])["jobs"]

    assert list(jobs) == ["test", "staging", "production"]
    assert jobs["staging"]["steps"][-1]["with"]["run"] == "build push deploy"


def test_where_sentry_is_told_a_deploy_has_the_history_and_the_token_and_smoke_tests_check_in() -> None:
    config = example()
    told = {name: e.model_copy(update={"sentry": SentrySettings()}) for name, e in config.environments.items()}
    silent = {name: e.model_copy(update={"sentry": None}) for name, e in config.environments.items()}

    def steps(environments: dict[str, Environment]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        found = starters.render(config.model_copy(update={"environments": environments}), ACTION)
        deploy = yaml.safe_load(found[".github/workflows/deploy.yml"])["jobs"]["production"]["steps"]
        smoke = yaml.safe_load(found[".github/workflows/smoke.yml"])["jobs"]["smoke"]["steps"]
        return deploy[0]["with"], deploy[-1].get("env", {}), smoke[-1]

    checkout, env, smoke = steps(told)
    assert checkout["fetch-depth"] == 0
    assert "secrets.SENTRY_AUTH_TOKEN" in env["SENTRY_AUTH_TOKEN"]
    assert shlex.split(smoke["with"]["run"]) == ["smoke-test", "--check-in", starters.SCHEDULE]
    assert smoke["env"] == {"TAGSHIP_SENTRY_DSN": "${{ vars.TAGSHIP_SENTRY_DSN }}"}

    checkout, env, smoke = steps(silent)
    assert checkout["fetch-depth"] == "${{ inputs.sha && '0' || '1' }}"
    assert "SENTRY_AUTH_TOKEN" not in env
    assert (smoke["with"]["run"], "env" in smoke) == ("smoke-test", False)


def test_without_backups_no_workflow_makes_any() -> None:
    config = config_file.load(EXAMPLE / "tagship.yml")

    assert not [path for path in starters.render(config, ACTION) if "backup" in path or "drill" in path]


def test_a_backup_waits_for_nobody_and_has_no_private_key() -> None:
    files = rendered("embedded")
    backup, drill = (
        yaml.safe_load(files[f".github/workflows/{name}.yml"])["jobs"]["production"] for name in ("backup", "drill")
    )

    assert backup["environment"] == {"name": "production-backup", "deployment": False}
    assert shlex.split(backup["steps"][-1]["with"]["run"]) == [
        "backup.create", "--reason", "scheduled", "--check-in", starters.NIGHTLY, "backup.prune"
    ]  # fmt: skip
    assert sorted(backup["steps"][-1]["env"]) == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TAGSHIP_SENTRY_DSN"]
    assert set(drill["steps"][-1]["env"]) - set(backup["steps"][-1]["env"]) == {"TAGSHIP_IDENTITY"}
    assert shlex.split(drill["steps"][-1]["with"]["run"]) == ["backup.drill", "--check-in", starters.MONTHLY]


def test_a_rollback_that_loses_data_does_so_only_if_asked_to_and_has_the_private_key_only_then() -> None:
    parsed = yaml.safe_load(rendered("embedded")[".github/workflows/rollback.yml"])
    step = parsed["jobs"]["production"]["steps"][-1]

    asked = parsed[True]["workflow_dispatch"]["inputs"]["lose-data"]  # YAML 1.1 reads `on` as true
    assert (asked["type"], asked["default"]) == ("boolean", False)
    assert step["with"]["run"] == "rollback${{ inputs.lose-data && ' --yes' || '' }}"
    assert step["env"]["TAGSHIP_IDENTITY"] == "${{ inputs.lose-data && secrets.TAGSHIP_IDENTITY || '' }}"


def test_a_managed_databases_url_is_given_to_its_backup() -> None:
    managed = BackupSettings(
        store="file:///srv", recipients=("age1",), database=DatabaseSettings(url="DATABASE_URL", image="postgis")
    )
    config = example()
    environments = {n: e.model_copy(update={"backups": managed}) for n, e in config.environments.items()}

    files = starters.render(config.model_copy(update={"environments": environments}), ACTION)

    env = yaml.safe_load(files[".github/workflows/backup.yml"])["jobs"]["staging"]["steps"][-1]["env"]
    assert env == {
        "DATABASE_URL": "${{ secrets.DATABASE_URL }}", "TAGSHIP_SENTRY_DSN": "${{ vars.TAGSHIP_SENTRY_DSN }}"
    }  # fmt: skip


JWT, APPROLE = "vault://secret/atlas?role=atlas&address=https://vault", "vault://secret/atlas"


@pytest.mark.parametrize("workflow", ["deploy", "rollback", "backup", "drill"])
@pytest.mark.parametrize(
    ("stores", "token", "steps", "wanted"),
    [
        (("aws-sm://atlas?region=eu-central-1",), True, {"aws-region": "eu-central-1"}, set()),
        (("aws-ssm://atlas", JWT), True, {"aws-region": "${{ vars.AWS_REGION }}"}, set()),
        ((JWT,), True, {}, set()),
        ((APPROLE,), False, {}, {"VAULT_ADDR", "VAULT_ROLE_ID", "VAULT_SECRET_ID"}),
        (("sops://secrets.yaml",), False, {}, {"SOPS_AGE_KEY"}),
        (("env://",), False, {}, set()),
    ],
)
def test_a_job_may_log_in_to_its_stores_and_has_no_key_of_aws_where_it_takes_a_role(
    workflow: str, stores: tuple[str, ...], *, token: bool, steps: dict[str, str], wanted: set[str]
) -> None:
    config = example()
    environments = {n: e.model_copy(update={"secrets": stores}) for n, e in config.environments.items()}

    files = starters.render(config.model_copy(update={"environments": environments}), ACTION)
    job = yaml.safe_load(files[f".github/workflows/{workflow}.yml"])["jobs"]["production"]
    before, last = job["steps"][-2], job["steps"][-1]

    assert job["permissions"].get("id-token") == ("write" if token else None)
    assert ("configure-aws-credentials@" in before["uses"]) is bool(steps)
    if steps:
        assert before["with"] == {"role-to-assume": "${{ vars.AWS_ROLE }}", **steps}
    assert {name for name in last["env"] if name.startswith(("VAULT", "SOPS"))} == wanted
    assert ("AWS_ACCESS_KEY_ID" in last["env"]) is not bool(steps)


@pytest.mark.parametrize("registry", ["ghcr.io/owner/atlas", "registry.example.com/atlas"])
def test_the_job_that_builds_has_build_secrets_and_the_environment_that_holds_them(registry: str) -> None:
    def job(**settings: object) -> dict[str, Any]:
        files = starters.render(example(registry).model_copy(update=settings), ACTION, build_secrets=["NPM_TOKEN"])
        found: dict[str, Any] = yaml.safe_load(files[".github/workflows/deploy.yml"])["jobs"]["build"]
        return found

    assert job()["steps"][-1]["env"] == {"NPM_TOKEN": "${{ secrets.NPM_TOKEN }}"}
    assert job()["environment"]["name"] == "build"
    assert job(secrets=(JWT,))["permissions"]["id-token"] == "write"
    assert "env" not in job(secrets=(JWT,))["steps"][-1]


def test_the_variables_of_build_secrets_are_found_in_the_files(tmp_path: Path) -> None:
    compose = (
        "services:\n  web: {build: {context: ., secrets: [npm, {source: key}]}, secrets: [run]}\n  db: {build: ./db}\n"
        "secrets: {npm: {environment: NPM}, key: {environment: KEY}, run: {environment: RUN}, file: {file: f}}\n"
    )
    (tmp_path / "docker-compose.yml").write_text(compose)

    assert references.build_secrets(["docker-compose.yml"], tmp_path) == ["KEY", "NPM"]


def test_what_each_environment_on_github_must_hold_is_listed() -> None:
    held = starters.held(rendered("registry.example.com/atlas"))

    assert held["build"] == (["REGISTRY_PASSWORD"], ["REGISTRY_USERNAME"])
    assert "TAGSHIP_IDENTITY" in held["production-backup"][0]
    assert {"SECRET_KEY", "SSH_KEY"} < {*held["production"][0]}
    assert "SECRET_KEY" not in held["staging"][0]


def test_a_pull_request_gets_no_secret() -> None:
    text = rendered("registry.example.com/atlas")[".github/workflows/ci.yml"]

    assert "secrets." not in text
    assert yaml.safe_load(text)[True] == "pull_request"  # YAML 1.1 reads `on` so


def test_only_the_repositorys_own_pull_requests_have_previews_with_secrets_of_their_own() -> None:
    files = starters.render(example("ghcr.io/owner/atlas"), ACTION, {starters.PREVIEW: ["KEY"]}, ["NPM_TOKEN"])
    jobs = yaml.safe_load(files[".github/workflows/preview.yml"])["jobs"]
    up = jobs["up"]["steps"][-1]

    assert up["with"]["run"] == "preview.up ${{ github.event.pull_request.number }}"
    assert {"KEY", "NPM_TOKEN"} <= up["env"].keys()
    assert jobs["up"]["permissions"]["packages"] == "write"
    for name in ("up", "down"):
        assert "head.repo.full_name == github.repository" in jobs[name]["if"]
    for job in jobs.values():
        assert job["environment"]["name"] == "preview"
    assert not jobs["prune"]["steps"][-1].get("env")


def test_without_previews_no_workflow_makes_any() -> None:
    config = config_file.load(EXAMPLE / "tagship.yml")

    assert not [path for path in starters.render(config, ACTION) if "preview" in path]


def test_what_must_not_stand_in_a_workflow_is_refused() -> None:
    with pytest.raises(ConfigError, match="not pinned"):
        starters.Action.parse("OWNER/tagship@v1", "")
    evil = example()
    environment = evil.environments["staging"].model_copy(update={"branch": "x'\n  evil: y"})
    with pytest.raises(ConfigError, match="can't be used in a workflow"):
        starters.render(evil.model_copy(update={"environments": {"staging": environment}}), ACTION)


def test_the_action_that_is_used_is_kept() -> None:
    assert starters.used(rendered("embedded")[".github/workflows/ci.yml"]) == ACTION


def test_only_what_nothing_gives_a_value_is_a_secret(tmp_path: Path) -> None:
    compose = (
        "services:\n  web:\n"
        "    labels: [a $GIVEN, 'b ${SECRET}', 'c ${OPTIONAL:-}', 'd ${WITH:-x}', $$NO, $TAGSHIP_SHA]\n"
        "    environment: [PASSED_ON]\nsecrets: {key: {environment: FROM_ENVIRONMENT}}\n"
    )
    (tmp_path / "docker-compose.yml").write_text(compose)
    needs = references.in_files(["docker-compose.yml"], tmp_path)

    wanted = ["FROM_ENVIRONMENT", "OPTIONAL", "PASSED_ON", "SECRET"]
    assert starters.secret_names(needs, ["GIVEN"]) == wanted


def test_the_difference_is_shown_before_it_is_written(tmp_path: Path) -> None:
    assert "+name: deploy" in starters.difference(rendered("embedded"), tmp_path)
    for path, text in rendered("embedded").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert starters.difference(rendered("embedded"), tmp_path) == ""


def test_the_examples_in_workflows_are_what_is_rendered() -> None:
    for path, text in starters.render(example("registry.example.com/atlas"), ACTION).items():
        kept = ROOT / "workflows" / Path(path).name
        assert kept.read_text() == text, f"{kept} is stale: python -m tests.unit.github.test_workflows"


@pytest.mark.parametrize(
    "path", [ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")], ids=lambda path: path.name
)
def test_no_script_of_ours_holds_an_expression(path: Path) -> None:
    parsed = yaml.safe_load(path.read_text())
    steps = [step for job in parsed.get("jobs", {}).values() for step in job.get("steps", ())]
    for step in [*steps, *parsed.get("runs", {}).get("steps", ())]:
        assert "${{" not in step.get("run", "")


if __name__ == "__main__":
    for path, text in starters.render(example("registry.example.com/atlas"), ACTION).items():
        (ROOT / "workflows" / Path(path).name).write_text(text)


def test_a_job_that_deploys_gets_the_urls_of_those_who_are_told() -> None:
    config = example()
    receiver = Receiver.model_validate({"to": "webhook", "url": "OPS_HOOK", "secret": "OPS_KEY"})
    told = {name: e.model_copy(update={"notify": (receiver,)}) for name, e in config.environments.items()}

    found = starters.render(config.model_copy(update={"environments": told}), ACTION)

    deploy = yaml.safe_load(found[".github/workflows/deploy.yml"])["jobs"]["production"]["steps"][-1]
    assert deploy["env"]["OPS_HOOK"] == "${{ secrets.OPS_HOOK }}"
    assert deploy["env"]["OPS_KEY"] == "${{ secrets.OPS_KEY }}"


def test_a_registry_of_aws_is_reached_by_the_jobs_role_and_has_no_password() -> None:
    registry = {"registry": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/atlas"}
    config = example()
    environments = {n: e.model_copy(update=registry) for n, e in config.environments.items()}
    files = starters.render(config.model_copy(update={**registry, "environments": environments}), ACTION)
    jobs = yaml.safe_load(files[".github/workflows/deploy.yml"])["jobs"]

    for job in (jobs["build"], jobs["production"]):
        login, last = job["steps"][-2], job["steps"][-1]
        assert job["permissions"]["id-token"] == "write"
        assert login["with"] == {"role-to-assume": "${{ vars.AWS_ROLE }}", "aws-region": "eu-central-1"}
        assert not {name for name in last["with"] if name.startswith("registry")}
    assert "environment" not in jobs["build"]
