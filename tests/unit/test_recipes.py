"""Each recipe is valid, as a deploy reads it; `nox -s apps` ships them."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from docs import generate
from tagship.edge import caddy
from tagship.github.workflows import CHECKOUT, Action, render
from tagship.project import file as config_file
from tagship.release import shape
from tests import recipes

TITLES = list(recipes.read())
ROOT = recipes.ROOT
SCHEMA = yaml.safe_load(generate.schema())


@pytest.mark.parametrize("title", TITLES)
def test_a_recipe_is_what_a_deploy_accepts(title: str, tmp_path: Path) -> None:
    for app in recipes.write(title, tmp_path):
        config = config_file.load(app / "tagship.yml")
        jsonschema.validate(yaml.safe_load((app / "tagship.yml").read_text()), SCHEMA)
        services = yaml.safe_load((app / "docker-compose.yml").read_text())["services"]
        for settings in config.environments.values():
            caddy.refuse_unreachable(settings.url, settings.edge)
            found = shape.shape(settings, services)
            assert {*found.services, *found.accessories} == {*services}
            for route in found.routes:
                asked = "healthcheck" in services[route.service]
                assert asked or "\nHEALTHCHECK" in (app / "Dockerfile").read_text()


def test_every_recipe_is_shipped_by_a_test_but_for_the_registries_that_nobody_has_here() -> None:
    shipped = (ROOT / "tests/e2e/test_recipes.py").read_text()

    assert [title for title in TITLES if f'"{title}"' not in shipped] == ["GHCR", "ECR"]
    assert len(TITLES) == 14


def test_the_page_lists_its_recipes() -> None:
    page = recipes.PAGE.read_text()
    anchors = [re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in TITLES]

    assert re.findall(r"\]\(#([^)]+)\)", page.partition("\n## ")[0]) == anchors


def test_the_workflow_for_ghcr_gives_what_the_written_one_gives_and_the_action_takes(tmp_path: Path) -> None:
    text = recipes.read()["GHCR"][".github/workflows/ship.yml"]
    (job,) = yaml.safe_load(text)["jobs"].values()
    checkout, ship = job["steps"]
    recipes.write("GHCR", tmp_path)
    written = render(config_file.load(tmp_path / "tagship.yml"), Action(f"OWNER/tagship@{'0' * 40}", ""))
    built = yaml.safe_load(written[".github/workflows/deploy.yml"])["jobs"]["build"]
    known = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]

    assert f"uses: {CHECKOUT}\n" in text
    assert checkout["with"] == {"persist-credentials": False}
    assert ship["with"].keys() <= known.keys()
    login = ("registry-username", "registry-password")
    assert [ship["with"][name] for name in login] == [built["steps"][-1]["with"][name] for name in login]
    assert job["permissions"]["packages"] == built["permissions"]["packages"] == "write"
