"""What tagship.yml may contain, and the errors for everything else."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.project import file as config_file
from tagship.project.schema import Config
from tagship.release import shape
from tagship.release.model import Migrations, Route

Load = Callable[[str], Config]

LEAST = """\
app: shop
environments:
  staging: {engine: "ssh://deploy@example.com", url: "https://staging.example.com"}
"""
BUILT = {"build": {"context": "."}}
SERVICES = {"web": BUILT, "worker": BUILT, "db": {"image": "postgis"}}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a text as tagship.yml."""
    monkeypatch.chdir(tmp_path)

    def loaded(text: str) -> Config:
        Path(config_file.FILE).write_text(text)
        return config_file.load()

    return loaded


def problem(load: Load, text: str) -> str:
    """What is wrong with a text."""
    with pytest.raises(ConfigError) as caught:
        load(text)
    return caught.value.problem


def test_an_app_and_one_environment_are_enough(load: Load) -> None:
    settings = load(LEAST).environment("staging")

    assert settings.compose == ("docker-compose.yml",)
    assert settings.keep == 5
    assert settings.release.drain_within == 30


def test_an_environment_lies_over_the_top_level_key_by_key(load: Load) -> None:
    found = load(
        """
app: shop
keep: 9
release: {bake: 1m30s, drain-within: 5}
smoke: [{path: /health/}]
environments:
  staging: {engine: local, url: "http://localhost", release: {bake: 0}}
  production: {engine: local, url: "http://localhost", keep: 2, smoke: []}
"""
    )
    staging, production = found.environment("staging"), found.environment("production")

    assert (staging.keep, staging.release.bake.for_, staging.release.drain_within) == (9, 0, 5)
    assert (production.keep, production.release.bake.for_, production.smoke) == (2, 90, ())
    assert [check.path for check in staging.smoke] == ["/health/"]


def test_an_environment_knows_its_name(load: Load) -> None:
    assert load(LEAST).environment("staging").name == "staging"


def test_an_unknown_environment_names_the_nearest(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(LEAST).environment("stagign")

    assert "no environment 'stagign'" in caught.value.problem
    assert caught.value.hint == "did you mean staging?"


def test_which_environment_must_be_said(load: Load) -> None:
    with pytest.raises(ConfigError, match="No environment is given") as caught:
        load(LEAST).environment("")

    assert caught.value.hint == "pass --env NAME; use one of: staging"


def test_an_environment_like_no_other_is_told_what_there_is(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(LEAST).environment("--env")

    assert caught.value.hint == "use one of: staging"


def test_an_unknown_key_names_line_and_nearest_key(load: Load) -> None:
    assert problem(load, LEAST + "regsitry: x\n") == "tagship.yml:4: regsitry: unknown key; did you mean registry?"


def test_the_reference_is_named_unless_every_key_has_a_nearest_one(load: Load) -> None:
    with pytest.raises(ConfigError) as clear:
        load(LEAST + "regsitry: x\nkepe: 3\n")
    with pytest.raises(ConfigError) as unclear:
        load(LEAST + "regsitry: x\nkeep: 0\n")

    assert clear.value.hint == ""
    assert unclear.value.hint == "see Tagship's docs/reference.md for every key"


def test_an_unknown_key_deep_inside_names_its_own_line(load: Load) -> None:
    said = problem(
        load,
        """\
app: shop
smoke:
  - path: /
  - path: /health/
    contians: x
environments:
  staging: {engine: local, url: "http://localhost", smoke: []}
""",
    )

    assert said == "tagship.yml:5: smoke.1.contians: unknown key; did you mean contains?"


def test_a_key_that_stands_twice_is_refused_with_both_lines(load: Load) -> None:
    said = problem(load, LEAST + 'routes:\n  "/*": web:8000\n  /api/*: web:8000\n  "/*": other:80\n')

    assert said == "tagship.yml:7: /* already appears at line 5."


def test_an_alias_of_itself_is_no_endless_story(load: Load) -> None:
    assert "tagship.yml" in problem(load, LEAST + "smoke: &a [*a]\n")


def test_an_alias_is_what_is_offered(load: Load) -> None:
    said = problem(load, LEAST.replace("engine:", "promote_from: x, engine:"))

    assert said.endswith("environments.staging.promote_from: unknown key; did you mean promote-from?")


def test_a_key_like_no_other_is_told_what_there_is(load: Load) -> None:
    said = problem(load, LEAST + "edge: {zzz: 1}\n")

    assert "tagship.yml:4: edge.zzz: unknown key; known: behind, bind, http" in said


def test_a_problem_of_the_top_level_is_said_once_and_not_for_each_environment(load: Load) -> None:
    assert problem(load, LEAST + "keep: 0\n").splitlines() == ["tagship.yml:4: keep: 0 isn't valid: write 1 or more"]


def test_an_environments_own_problem_is_its_own(load: Load) -> None:
    said = problem(load, LEAST.replace("engine:", "keep: 0, engine:") + "keep: 0\n")

    assert [line.split(": ")[:2] for line in said.splitlines()] == [
        ["tagship.yml:3", "environments.staging.keep"],
        ["tagship.yml:4", "keep"],
    ]


def test_what_an_environment_lacks_is_not_taken_for_the_top_levels(load: Load) -> None:
    said = problem(load, "app: shop\nurl: https://x\nenvironments:\n  staging: {engine: local}\n")

    assert "tagship.yml:4: environments.staging.url: is missing" in said


@pytest.mark.parametrize("environments", ["x", "[staging]", "{staging: }", "{staging: local}", "{}"])
def test_environments_are_mappings(load: Load, environments: str) -> None:
    assert problem(load, f"app: shop\nenvironments: {environments}\n").startswith("tagship.yml:2: environments")


@pytest.mark.parametrize("own", ["smoke: /health/", "release: patient", "edge: []"])
def test_a_value_of_another_kind_is_refused_where_it_stands(load: Load, own: str) -> None:
    shared = "smoke: [{path: /}]\nrelease: {bake: 1s}\nedge: {http: 81}\n"

    said = problem(load, LEAST.replace("engine:", f"{own}, engine:") + shared)

    assert [line.partition(": ")[0] for line in said.splitlines()] == ["tagship.yml:3"]


def test_every_problem_is_said_at_once(load: Load) -> None:
    said = problem(load, 'app: Shop\nenvironments:\n  staging: {engine: docker, url: "localhost"}\n').splitlines()

    assert [line.split(": ")[:2] for line in said] == [
        ["tagship.yml:1", "app"],
        ["tagship.yml:3", "environments.staging.engine"],
        ["tagship.yml:3", "environments.staging.url"],
    ]


def test_a_missing_key_points_at_where_it_belongs(load: Load) -> None:
    said = problem(load, "app: shop\nenvironments:\n  staging:\n    engine: local\n")

    assert said == "tagship.yml:3: environments.staging.url: is missing"


@pytest.mark.parametrize("name", ["Staging", "-x", "a/b", "a.b", "$(id)", "a" * 33, '"x\\n"', "1e3.5"])
def test_an_environment_that_can_name_nothing_is_refused(load: Load, name: str) -> None:
    assert "tagship.yml:3: environments" in problem(load, LEAST.replace("  staging:", f"  {name}:"))


@pytest.mark.parametrize("app", ["Shop", '"--app"', "a_b", "a" * 33, '"shop\\n"', "⟦X⟧"])
def test_an_app_that_can_name_nothing_is_refused(load: Load, app: str) -> None:
    assert "tagship.yml:1: app" in problem(load, LEAST.replace("shop", app))


@pytest.mark.parametrize("engine", ["ssh://", "tcp://example.com", "-oProxyCommand=x", "local ", "http://x"])
def test_an_engine_is_local_or_behind_ssh(load: Load, engine: str) -> None:
    assert "environments.staging.engine" in problem(load, LEAST.replace("ssh://deploy@example.com", engine))


@pytest.mark.parametrize("url", ["staging.example.com", "ftp://x", "https://x/path", "https://x y"])
def test_a_url_is_a_host_and_no_path(load: Load, url: str) -> None:
    assert "environments.staging.url" in problem(load, LEAST.replace("https://staging.example.com", url))


@pytest.mark.parametrize(
    ("written", "seconds"), [("500ms", 0.5), ("2s", 2), ("1m30s", 90), ("1.5h", 5400), ("1d", 86400), ("7", 7)]
)
def test_a_duration_has_a_unit_or_is_in_seconds(load: Load, written: str, seconds: float) -> None:
    assert load(f"{LEAST}smoke-within: {written}\n").smoke_within == seconds


@pytest.mark.parametrize("written", ["2 s", "s", "2sec", '""', "-1s", "-1", "1m30", "[]"])
def test_what_is_no_duration_is_refused(load: Load, written: str) -> None:
    assert "smoke-within" in problem(load, f"{LEAST}smoke-within: {written}\n")


@pytest.mark.parametrize("check", ["{}", "{path: /, run: x}"])
def test_a_smoke_check_is_a_request_or_a_command(load: Load, check: str) -> None:
    assert "give either `path` or `run`" in problem(load, f"{LEAST}smoke: [{check}]\n")


def test_migrations_need_commands_where_no_framework_brings_them(load: Load) -> None:
    said = problem(load, LEAST + "release: {migrations: {service: web, pending: x}}\n")

    assert "give `framework: django`, or both `pending` and `apply`" in said


@pytest.mark.parametrize("text", ["", "- a list\n", "just words\n"])
def test_a_file_that_is_no_mapping_is_refused(load: Load, text: str) -> None:
    assert problem(load, text) == "tagship.yml:1: expected a mapping."


def test_a_file_that_is_no_yaml_names_the_line(load: Load) -> None:
    assert problem(load, "app: shop\nenvironments: {\n").startswith("tagship.yml:3: not YAML: ")


def test_a_file_that_is_no_text_says_so(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yml"
    latin.write_bytes(b"app: caf\xe9\n")

    for unreadable in (latin, tmp_path):
        with pytest.raises(ConfigError, match=f"{unreadable} can't be read"):
            config_file.load(unreadable)


def test_a_file_with_a_control_character_is_no_yaml_either(load: Load) -> None:
    assert "not YAML" in problem(load, "app: shop\0\n")


def test_no_file_says_where_to_run() -> None:
    with pytest.raises(ConfigError, match=r"There is no nowhere/tagship\.yml here") as caught:
        config_file.load(Path("nowhere/tagship.yml"))

    assert "run `tagship init` here" in caught.value.hint


def test_a_registry_is_named_without_its_scheme(load: Load) -> None:
    assert "write 'ghcr.io/shop', as in an image's name" in problem(load, f"{LEAST}registry: https://ghcr.io/shop\n")


def test_routes_written_as_a_list_say_how_to_write_them(load: Load) -> None:
    assert "PATH: SERVICE:PORT, without `- `" in problem(load, LEAST + "routes:\n  - /*: web:8000\n")


def test_what_only_a_profile_starts_is_in_no_release_unless_it_is_named(load: Load) -> None:
    services = {"web": {"build": "."}, "tools": {"build": ".", "profiles": ["tools"]}}

    assert shape.shape(load(LEAST), services).services == ("web",)
    assert shape.shape(load(LEAST + "release: {services: tools}\n"), services).services == ("tools",)


def test_every_name_that_does_not_fit_is_said_at_once(load: Load) -> None:
    settings = load(LEAST + "release: {services: [web, nope]}\nroutes: {/a: web, /b: gone:1}\n")

    with pytest.raises(ConfigError) as caught:
        shape.shape(settings, SERVICES)

    assert len(caught.value.problem.splitlines()) == 3


def test_what_is_built_is_replaced_by_each_deploy(load: Load) -> None:
    found = shape.shape(load(LEAST + "routes: {/*: web:8000}\n"), SERVICES)

    assert found.services == ("web", "worker")
    assert found.routes == (Route("/*", "web", 8000),)


def test_an_accessory_that_is_built_is_not_replaced_by_a_deploy(load: Load) -> None:
    settings = load(LEAST + "release: {accessories: [worker, db]}\n")

    assert shape.shape(settings, SERVICES).services == ("web",)


@pytest.mark.parametrize(
    "release",
    [
        "services: [nope]",
        "accessories: nope",
        "services: web, singletons: nope",
        "migrations: {service: nope, framework: django}",
    ],
)
def test_a_service_that_compose_does_not_have_is_refused(load: Load, release: str) -> None:
    with pytest.raises(ConfigError, match="no service 'nope'") as caught:
        shape.shape(load(f"{LEAST}release: {{{release}}}\n"), SERVICES)

    assert caught.value.hint == "use one of: web, worker, db"


def test_a_route_to_what_no_deploy_replaces_is_refused(load: Load) -> None:
    with pytest.raises(ConfigError, match="goes to 'db', which isn't a service of the release") as caught:
        shape.shape(load(LEAST + "routes: {/*: db:5432}\n"), SERVICES)

    assert caught.value.hint == "route to one of: web, worker"


def test_assets_are_a_route_of_their_own_to_the_port_that_answers_around_them(load: Load) -> None:
    settings = load(LEAST + "routes: {/*: web:80, /api/*: web:81}\nassets: {/api/static/*: web:/srv/static/}\n")

    routes = {route.path: route for route in shape.shape(settings, SERVICES).routes}

    assert routes["/api/static/*"] == Route("/api/static/*", "web", 81, assets="/srv/static")


def test_assets_below_a_path_that_is_stripped_are_stripped_like_it(load: Load) -> None:
    settings = load(LEAST + "routes: {/shop/*: web:80/}\nassets: {/shop/static/*: web:/srv}\n")

    routes = {route.path: route for route in shape.shape(settings, SERVICES).routes}

    assert routes["/shop/static/*"] == Route("/shop/static/*", "web", 80, strip="/shop", assets="/srv")


def test_a_route_that_stands_in_the_file_may_have_assets(load: Load) -> None:
    settings = load(LEAST + "routes: {/*: web:80, /s/*: web:81}\nassets: {/s/*: web:/srv}\n")

    routes = {route.path: route for route in shape.shape(settings, SERVICES).routes}

    assert routes["/s/*"] == Route("/s/*", "web", 81, assets="/srv")


@pytest.mark.parametrize(
    ("assets", "problem"),
    [
        ("/s/*: worker:/srv", "of 'worker', which has no route there"),
        ("/s/*: nope:/srv", "of 'nope', which has no route there"),
        ("/api/*: web:/srv", "of 'web', which has no route there"),
        ("/api/static/*: web:/srv", "of 'web', which has no route there"),
        ("/s/*: web:/", "The assets /s/\\* are 'web:/'"),
        ("/s/*: web", "The assets /s/\\* are 'web'"),
        ("/s/*: web:srv", "The assets /s/\\* are 'web:srv'"),
        ("/s: web:/srv", "The assets /s are 'web:/srv'"),
    ],
)
def test_assets_of_what_does_not_answer_there_are_refused(load: Load, assets: str, problem: str) -> None:
    services = {**SERVICES, "api": {"build": {}}}

    with pytest.raises(ConfigError, match=problem):
        shape.shape(load(f"{LEAST}routes: {{/*: web:80, /api/*: api:80}}\nassets: {{{assets}}}\n"), services)


def test_a_service_is_replaced_or_left_alone_and_not_both(load: Load) -> None:
    with pytest.raises(ConfigError, match="db, web can't be both a service and an accessory"):
        shape.shape(load(LEAST + "release: {services: [web, db], accessories: [db, web]}\n"), SERVICES)


def test_a_singleton_has_one_container(load: Load) -> None:
    services = {"web": {"build": {}, "deploy": {"replicas": 3}}}

    with pytest.raises(ConfigError, match="web never runs twice, but has 3 replicas"):
        shape.shape(load(LEAST + "release: {singletons: web}\n"), services)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////data/x", "${DATABASE_URL:-sqlite:////data/shop.db}", "/data/shop.sqlite3", "/data/shop.db",
        "jdbc:sqlite:/data/x", "file:/data/x.sqlite?mode=rwc",
    ],
)  # fmt: skip
def test_what_keeps_sqlite_in_a_volume_stops_first_unless_the_file_decides(load: Load, url: str) -> None:
    volume = {"type": "volume", "source": "data", "target": "/data"}
    web = {"build": {"context": "."}, "environment": {"DATABASE_URL": url}, "volumes": [volume]}

    def alone(web: Mapping[str, object], said: str = "") -> tuple[str, ...]:
        return shape.shape(load(LEAST + said), {**SERVICES, "web": web}).alone

    assert alone(web) == ("web",)
    assert alone(web, "release: {singletons: []}\n") == ()
    assert alone({**web, "volumes": [{**volume, "read_only": True}]}) == ()
    assert alone({**web, "deploy": {"replicas": 2}}) == ()
    for other in ("postgres://db/shop", "mysql.example.db", "mysql://mysql.example.db"):
        assert alone({**web, "environment": {"DATABASE_URL": other}}) == ()


def test_commands_of_ones_own_replace_djangos(load: Load) -> None:
    found = shape.shape(
        load(LEAST + "release: {migrations: {service: web, framework: django, apply: ./migrate, pending: ./show}}\n"),
        SERVICES,
    )

    assert found.migrations
    assert (found.migrations.pending, found.migrations.apply) == (("./show",), ("./migrate",))


def test_django_brings_its_own_commands(load: Load) -> None:
    found = shape.shape(load(LEAST + "release: {migrations: {service: web, framework: django}}\n"), SERVICES)

    assert found.migrations == Migrations(
        "web",
        "django",
        ("python", "manage.py", "showmigrations", "--plan"),
        ("python", "manage.py", "migrate", "--no-input"),
        django_shell=("python", "manage.py", "shell", "-c"),
    )


def test_djangos_shell_is_that_of_the_apps_own_command(load: Load) -> None:
    migrations = "{service: web, framework: django, apply: poetry run python src/manage.py migrate --database main}"
    found = shape.shape(load(LEAST + f"release: {{migrations: {migrations}}}\n"), SERVICES)

    assert found.migrations
    assert found.migrations.django_shell == ("poetry", "run", "python", "src/manage.py", "shell", "-c")


def test_a_migration_command_is_split_as_a_shell_would(load: Load) -> None:
    found = shape.shape(
        load(LEAST + """release: {migrations: {service: web, pending: "sh -c 'show all'", apply: go}}\n"""), SERVICES
    )

    assert found.migrations
    assert found.migrations.pending == ("sh", "-c", "show all")


@pytest.mark.parametrize("value", ["10.213.0.0/20", "10.213.0.0/33", "10.213.1.0/16", "anywhere"])
def test_a_range_that_no_networks_can_be_cut_from_is_refused_at_its_line(load: Load, value: str) -> None:
    with pytest.raises(ConfigError, match=r"tagship\.yml:5: edge\.networks: "):
        load(f"{LEAST}edge:\n  networks: {value}\n")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("release: {services: 7}", "7 isn't valid: write one text, or a list of texts"),
        ("release: caddy", "'caddy' isn't valid: write a table of NAME: value lines"),
        ("registry-insecure: 7", "7 isn't valid: write true or false"),
        ("keep: many", "'many' isn't valid: write a whole number"),
        ("smoke-within: [2]", "[2] isn't valid: write a number, or a duration such as 2s"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_what_to_write(load: Load, text: str, wanted: str) -> None:
    assert wanted in problem(load, f"{LEAST}{text}\n")


PREVIEWS = """\
release: {accessories: [db]}
previews: {like: staging, url: "https://pr-{number}.example.com", secrets: "dotenv://.env.previews"}
backups: {store: file:///srv, recipients: age1}
"""


def test_a_preview_is_like_its_environment_but_for_its_name_url_and_backups(load: Load) -> None:
    found = load(LEAST + PREVIEWS).environment("pr12")

    assert (found.name, found.url, str(found.place)) == ("pr12", "https://pr-12.example.com", "shop-pr12")
    assert (found.engine, found.secrets) == ("ssh://deploy@example.com", ("dotenv://.env.previews",))
    assert (found.backups, found.approval) == (None, "none")


@pytest.mark.parametrize("name", ["pr", "pr0", "pr012", "pr1x", "production"])
def test_another_name_is_no_previews(load: Load, name: str) -> None:
    with pytest.raises(ConfigError, match="has no environment"):
        load(LEAST + PREVIEWS).environment(name)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (LEAST + PREVIEWS.replace("like: staging", "like: stagign"), "5: previews.like: there is no environment"),
        (LEAST.replace("  staging:", "  pr7:") + PREVIEWS, "3: environments.pr7: with `previews`"),
        (
            LEAST.replace('com"}', 'com", approval: required}') + PREVIEWS,
            "previews.like: staging requires approval, which previews would go around",
        ),
        (
            LEAST + "release: {migrations: {service: web, framework: django}}\n"
            "previews: {like: staging, url: 'https://pr-{number}.example.com'}\n",
            "staging has no accessory, so previews would migrate its database",
        ),
        (LEAST + "previews: {like: staging, url: 'https://preview.example.com'}\n", "with {number} in its host"),
    ],
    ids=["unknown", "name", "approval", "database", "url"],
)
def test_previews_that_would_touch_an_environment_are_refused(load: Load, text: str, wanted: str) -> None:
    assert wanted in problem(load, text)
