"""A plan as a script: every step has its commands, secrets stay names, and the shell can read it."""

import json
import subprocess
from dataclasses import replace
from typing import Any, get_args

import pytest

from tagship.deploy.canary import Terms
from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Observed
from tagship.deploy.planning import Planned
from tagship.deploy.rollback_plan import RollbackPlan, Way
from tagship.deploy.rollout import Patience, plan_rollout
from tagship.deploy.steps import Bake, Canary, EndCanary, Hold, KeepAssets, Plan, Remove, Resume, Reverse, Revive, Step
from tagship.engine.containers import Container
from tagship.errors import CheckError
from tagship.explain.scene import Scene
from tagship.explain.script import script
from tagship.explain.steps import commands
from tagship.project.schema import Environment
from tagship.release.model import Rendered, Route
from tests.fakes.builders import MIGRATIONS, entry, observed, rendered, standing

OLD = rendered("a", {"web": {}, "worker": {}})
SETTINGS = Environment(name="staging", app="shop", engine="ssh://deploy@example.com", url="http://example.com")
SERVICES: dict[str, dict[str, Any]] = {
    "web": {"image": "IMAGE", "environment": {"DSN": "db://⟦DB/PASSWORD⟧@db$$1"}},
    "worker": {"image": "IMAGE", "secrets": [{"source": "key"}]},
}


def scene(new: Rendered, before: Observed, plan: Plan | None = None, **settings: Any) -> Scene:  # noqa: ANN401 - any setting
    """What was observed: the old release runs, and its network is the only one of a release."""
    found = plan_rollout(new, before, Patience(hold=60)) if plan is None else plan
    containers = [
        Container(f"{OLD.name}-{s}-1", f"{OLD.name}-{s}-1", OLD.name, s, "running", "", 1, {}) for s in OLD.order
    ]
    networks = [
        {"Name": "0-tagship", "IPAM": {"Config": [{"Subnet": "10.213.0.0/20"}]}},
        {"Name": OLD.name, "IPAM": {"Config": [{"Subnet": "10.213.16.0/28"}]}},
    ]
    planned = Planned(Candidate(new), before, found, entry(new, before.live))
    http: dict[str, Any] = {"servers": {"http": {"routes": []}}}
    return Scene(planned, SETTINGS.model_copy(update=settings), everyone=containers, networks=networks, http=http)


def new_release(**more: Any) -> Rendered:  # noqa: ANN401 - any part of a release
    """A release with a secret in a variable and one in a file."""
    made = rendered("b", SERVICES, **more)
    model = {**made.model, "secrets": {"key": {"environment": "KEY"}}}
    return replace(made, model=model, secrets=frozenset({"DB/PASSWORD"}))


def test_each_step_of_a_deploy_has_its_commands_in_order() -> None:
    text = script(scene(new_release(migrations=MIGRATIONS), observed(OLD)))

    name = new_release(migrations=MIGRATIONS).name
    order = [
        "pull registry.example/shop/web@", "docker network create", "docker create", "docker start --attach",
        "docker network connect --ip 10.213.", f"docker start {name}-web-1", "PATCH /config/apps/http",
        "put /tagship/shop-staging/key", 'smoke "$candidate"', "/?tagship-candidate=",
        f"printf %s {name} | put /tagship/shop-staging/live", "smoke 'User-Agent", f"docker start {name}-worker-1",
        "record /tagship/shop-staging", f"drain {OLD.name} 30", f"docker stop {OLD.name}-web-1",
    ]  # fmt: skip
    body = text.partition("The plan is for this state")[2]
    assert [body.index(each) for each in order] == sorted(body.index(each) for each in order)


def test_secrets_come_by_name_from_whoever_runs_it() -> None:
    text = script(scene(new_release(), observed(OLD)))

    assert "Secrets come from your environment, by name: DB_PASSWORD, KEY." in text
    assert 'secret_DB_PASSWORD="${DB_PASSWORD:?set it: a secret of staging}"' in text
    assert "DSN=db://\"$secret_DB_PASSWORD\"'@db$1' \\\ndocker create" in text
    assert "--env DSN " in text
    assert 'printf %s "$secret_KEY" | copy' in text


def test_the_shell_can_read_it_and_it_needs_no_secret_where_nothing_is_created() -> None:
    plans = [plan_rollout(new_release(), observed(OLD), Patience()), (Remove(OLD.name),)]

    for plan in plans:
        text = script(scene(new_release(), observed(OLD), plan))
        subprocess.run(["/bin/sh", "-n"], input=text, text=True, check=True)
    assert "it needs none" in text


def test_every_kind_of_step_is_known() -> None:
    assert [kind for kind in get_args(Step) if commands.dispatch(kind) is commands.dispatch(object)] == []


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Revive(("db",)), ""),
        (Resume(OLD.name, ("worker",)), f"ready {OLD.name}-worker-1"),
        (Bake("x", 60), "sleep 60"),
        (Hold("x", 60), "read -r _"),
        (Canary("x", Terms(10, 60)), "printf %s 199a | put /tagship/shop-staging/canary-share"),
        (EndCanary("x"), "printf %s off | put /tagship/shop-staging/canary"),
        (Remove(OLD.name), f"docker network rm {OLD.name}"),
        (
            Reverse(
                rendered("b", migrations=replace(MIGRATIONS, reverse=("undo", "{count}"))),
                RollbackPlan(Way.REVERSE, OLD.name, migrations=("shop.0002",)),
            ),
            "undo 1",
        ),
        (
            KeepAssets(rendered("b", routes=(Route("/static/*", "web", 80, assets="/srv"),)), OLD.name),
            "web-1:/srv/. - | docker exec -i tagship-edge tar -xf - -C /tagship/shop-staging/assets/",
        ),
    ],
)
def test_rarer_steps_have_their_commands(step: Step, line: str) -> None:
    assert line in "\n".join(commands(step, scene(new_release(), observed(OLD))))


def test_what_a_killed_deploy_left_is_made_anew() -> None:
    new = new_release()
    before = observed(OLD)
    before = replace(before, releases=(*before.releases, standing(new, running=(), present=("web",))))
    made = scene(new, before)
    made.everyone = [*made.everyone, Container("left", f"{new.name}-web-1", new.name, "web", "running", "", 1, {})]
    made.networks = [*made.networks, {"Name": new.name, "IPAM": {"Config": [{"Subnet": "10.213.16.16/28"}]}}]

    text = script(made)

    assert text.index(f"docker network rm {new.name}") < text.index("docker network create")
    assert f"docker start {new.name}-web-1" in text


def test_a_network_that_is_gone_is_not_removed() -> None:
    text = "\n".join(commands(Remove("shop-staging-gone"), scene(new_release(), observed(OLD))))

    assert "network rm" not in text


def test_secrets_whose_names_are_one_variable_are_refused() -> None:
    new = replace(new_release(), secrets=frozenset({"DB/PASSWORD", "DB_PASSWORD"}))

    with pytest.raises(CheckError, match="DB/PASSWORD and DB_PASSWORD would be the same variable"):
        script(scene(new, observed(OLD)))


def test_the_ledgers_line_is_whole_but_for_time_and_chain() -> None:
    text = script(scene(new_release(), observed(OLD)))

    line = json.loads(text.partition("<<'ENTRY'\n")[2].partition("\n")[0])
    assert (line["at"], line["chain"], line["release"]) == ("@AT@", "@CHAIN@", new_release().name)
    assert line["why"] == "by hand, with the commands of --explain"


def test_a_backup_that_tagship_would_make_is_asked_for() -> None:
    from tagship.project.backup_settings import BackupSettings  # noqa: PLC0415 - only here

    settings = BackupSettings.model_construct(before_migrating="always")

    text = script(scene(new_release(migrations=MIGRATIONS), observed(OLD), backups=settings))

    assert ': "${BACKED_UP:?' in text


def test_what_is_live_already_needs_nothing() -> None:
    assert script(scene(OLD, observed(OLD), ())).endswith("so there is nothing to do.")


def test_an_environment_without_a_release_is_refused() -> None:
    with pytest.raises(CheckError, match="no release yet"):
        script(scene(new_release(), observed(None)))
