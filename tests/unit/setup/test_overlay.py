"""What a deploy needs otherwise than a Compose file for development has it."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.setup.projects import changes, drafted, project

DOCKERFILE = 'FROM python:3.12-slim\nCOPY . .\nCMD ["gunicorn", "shop.wsgi"]\n'
SOURCE = {"type": "bind", "source": "./web", "target": "/app"}


def web(**settings: Any) -> dict[str, Any]:  # noqa: ANN401 - as YAML has it
    """A service that is built in web/, and publishes a port."""
    return {"web": {"build": {"context": "web", "dockerfile": "Dockerfile"}, "ports": ["8000:8000"], **settings}}


def test_source_that_is_mounted_is_left_out_with_the_volume_that_guards_node_modules(tmp_path: Path) -> None:
    guard = {"type": "volume", "target": "/app/node_modules"}
    data = {"type": "volume", "source": "media", "target": "/media"}
    draft, _, _ = drafted(project(tmp_path, web(volumes=[SOURCE, guard, data]), web__Dockerfile=DOCKERFILE))

    assert changes(draft, "web")["volumes"] == '!override ["media:/media"]'


def test_each_change_names_the_line_that_it_changes(tmp_path: Path) -> None:
    draft, _, _ = drafted(project(tmp_path, web(volumes=[SOURCE]), web__Dockerfile=DOCKERFILE))

    assert next(c.at for c in draft.changes if c.key == "volumes") == "docker-compose.yml:9"


def test_without_a_copy_in_the_dockerfile_that_is_the_first_thing_to_do(tmp_path: Path) -> None:
    draft, _, _ = drafted(project(tmp_path, web(volumes=[SOURCE]), web__Dockerfile="FROM python:3.12\n"))

    assert "Have the Dockerfile of web COPY the source" in draft.todo[0]


def test_a_command_of_development_gives_way_to_the_images_own(tmp_path: Path) -> None:
    command = 'sh -c "python manage.py migrate && python manage.py runserver 0.0.0.0:8000"'
    draft, _, _ = drafted(project(tmp_path, web(command=command), web__Dockerfile=DOCKERFILE))

    change = next(c for c in draft.changes if c.key == "command")
    assert change.value == "!reset null"
    assert "Django's development server" in change.why
    assert "A deploy migrates before" in change.why


def test_gunicorn_runs_a_django_project_whose_image_has_no_command_of_its_own(tmp_path: Path) -> None:
    files = {"web__Dockerfile": "FROM python:3.12\nCOPY . .\n", "web__requirements.txt": "gunicorn==23\n"}
    services = web(command="python manage.py runserver")
    draft, _, _ = drafted(project(tmp_path, services, **files, web__shop__wsgi_dot_py=""))

    assert changes(draft, "web")["command"] == '["gunicorn", "shop.wsgi:application", "--bind", "0.0.0.0:8000"]'


def test_with_nothing_else_to_run_a_development_server_stays_and_that_is_said(tmp_path: Path) -> None:
    files = {"web__Dockerfile": 'FROM node:22\nCOPY . .\nCMD ["npm", "start"]\n'}
    package = '{"scripts": {"start": "react-scripts start"}}'
    draft, _, _ = drafted(project(tmp_path, web(command="npm start"), **files, web__package_dot_json=package))

    assert "command" not in changes(draft, "web")
    assert "web runs `npm start`, a development server" in draft.todo[0]


def test_npm_start_that_runs_a_server_is_fine(tmp_path: Path) -> None:
    files = {"web__Dockerfile": 'FROM node:22\nCOPY . .\nCMD ["npm", "start"]\n'}
    package = '{"scripts": {"start": "node server.js"}}'
    draft, _, _ = drafted(project(tmp_path, web(), **files, web__package_dot_json=package))

    assert draft.todo == []


def test_a_stage_for_production_is_built_and_its_command_run(tmp_path: Path) -> None:
    stages = (
        'FROM node:22 AS development\nCMD ["npm", "run", "dev"]\nFROM node:22 AS production\nCMD ["node", "x.js"]\n'
    )
    services = web(command="npm run dev")
    services["web"]["build"]["target"] = "development"
    draft, _, _ = drafted(project(tmp_path, services, web__Dockerfile=stages))

    assert changes(draft, "web")["build"] == "{target: production}"
    assert changes(draft, "web")["command"] == "!reset null"


@pytest.mark.parametrize(
    ("base", "program"),
    [
        ("python:3.12-slim", '"python", "-c"'),
        ("node:22-alpine", '"node", "-e"'),
        ("ruby:3.3", '"ruby", "-rnet/http"'),
        ("golang:1.23-alpine", '"wget", "-q"'),
        ("nginx:1.27", '"curl", "-sS"'),
    ],
)
def test_a_healthcheck_uses_a_program_of_the_image(base: str, program: str, tmp_path: Path) -> None:
    draft, _, _ = drafted(project(tmp_path, web(), web__Dockerfile=f"FROM {base}\nCOPY . .\n"))

    assert program in changes(draft, "web")["healthcheck"]


def test_an_image_without_any_program_leaves_the_healthcheck_to_a_person(tmp_path: Path) -> None:
    draft, _, _ = drafted(project(tmp_path, web(), web__Dockerfile="FROM scratch\nCOPY app /app\n"))

    assert "healthcheck" not in changes(draft, "web")
    assert "Give web a healthcheck" in draft.todo[0]


def test_a_health_path_in_the_sources_is_asked(tmp_path: Path) -> None:
    draft, _, _ = drafted(
        project(tmp_path, web(), web__Dockerfile=DOCKERFILE, web__app_dot_py='@app.get("/healthz")\n')
    )

    assert "'/healthz'" in changes(draft, "web")["healthcheck"]
    assert "app.py:1" in next(c.why for c in draft.changes if c.key == "healthcheck")


def test_a_healthcheck_that_is_there_stays(tmp_path: Path) -> None:
    with_one = DOCKERFILE + "HEALTHCHECK CMD true\n"
    in_image, _, _ = drafted(project(tmp_path, web(), web__Dockerfile=with_one))
    in_file, _, _ = drafted(project(tmp_path, web(healthcheck={"test": ["CMD", "x"]}), web__Dockerfile=DOCKERFILE))

    assert "healthcheck" not in changes(in_image, "web") | changes(in_file, "web")


def test_a_password_of_the_database_becomes_one_variable_wherever_it_stands(tmp_path: Path) -> None:
    services = web(environment=["DATABASE_URL=postgres://me:pw-1@db/shop"])
    services["db"] = {"image": "postgres:16", "environment": {"POSTGRES_PASSWORD": "pw-1"}}
    draft, _, values = drafted(project(tmp_path, services, web__Dockerfile=DOCKERFILE))

    assert changes(draft, "db")["environment"] == 'POSTGRES_PASSWORD: "${POSTGRES_PASSWORD:?}"'
    assert changes(draft, "web")["environment"] == 'DATABASE_URL: "postgres://me:${POSTGRES_PASSWORD:?}@db/shop"'
    assert values.local == {"POSTGRES_PASSWORD": "pw-1"}


def test_a_password_that_a_command_shows_too_is_told(tmp_path: Path) -> None:
    services = web(environment=["QUEUE=redis://:pw-1@queue"])
    services["queue"] = {"image": "redis:7", "command": "redis-server --requirepass pw-1"}
    draft, _, _ = drafted(project(tmp_path, services, web__Dockerfile=DOCKERFILE))

    assert draft.todo == [
        "The command of queue (docker-compose.yml:12) shows the password that is in QUEUE: give both the same new one."
    ]


def test_switches_of_development_and_addresses_of_this_machine_become_variables(tmp_path: Path) -> None:
    given = {"DEBUG": "True", "NODE_ENV": "development", "API": "http://localhost:8000", "ALLOWED": "localhost,shop"}
    draft, _, values = drafted(project(tmp_path, web(environment=given), web__Dockerfile=DOCKERFILE))

    lines = [line.strip() for line in changes(draft, "web")["environment"].splitlines()]
    assert lines == [
        'DEBUG: "${DEBUG:-False}"',
        'NODE_ENV: "${NODE_ENV:-production}"',
        'API: "${API:-${TAGSHIP_URL}}"',
        'ALLOWED: "${ALLOWED:?}"',
    ]
    assert values.local == {"DEBUG": "True", "NODE_ENV": "development", "ALLOWED": "localhost,shop"}
    (why,) = (change.why for change in draft.changes if change.key == "environment")
    assert "DEBUG is for development, and off on a server" in why
    assert "NODE_ENV is for development, and `production` on a server" in why


def test_the_names_of_a_dotenv_file_are_passed_on_and_the_file_is_not(tmp_path: Path) -> None:
    services = web(env_file=[{"path": ".env", "required": True}])
    draft, _, values = drafted(project(tmp_path, services, web__Dockerfile=DOCKERFILE), {"KEY": "x", "OPTION": ""})

    assert changes(draft, "web")["env_file"] == "!reset []"
    assert "".join(changes(draft, "web")["environment"].split()) == 'KEY:"${KEY:?}"OPTION:"${OPTION:-}"'
    assert values.asked == {"KEY": True}


def test_a_mounted_file_of_a_public_image_becomes_a_config_and_a_folder_goes_into_an_image(tmp_path: Path) -> None:
    mounts = [
        {"type": "bind", "source": "./nginx.conf", "target": "/etc/nginx/nginx.conf"},
        {"type": "bind", "source": "./public", "target": "/usr/share/nginx/html"},
    ]
    services = {"site": {"image": "nginx:1.27", "ports": ["80:80"], "volumes": mounts}}
    draft, _, _ = drafted(project(tmp_path, services, nginx_dot_conf="", public__index_dot_html=""))

    assert draft.configs == {"site-nginx-conf": "./nginx.conf"}
    assert 'FROM nginx:1.27\\nCOPY [\\"public\\", \\"/usr/share/nginx/html\\"]' in changes(draft, "site")["build"]


def test_a_whole_project_is_put_into_an_image_only_with_a_word_about_what_not_to(tmp_path: Path) -> None:
    mount = {"type": "bind", "source": ".", "target": "/var/www"}
    draft, _, _ = drafted(project(tmp_path, {"site": {"image": "nginx", "ports": ["80:80"], "volumes": [mount]}}))

    assert "Write a .dockerignore" in draft.todo[0]


def test_data_of_an_accessory_in_a_folder_moves_to_a_volume(tmp_path: Path) -> None:
    mount = {"type": "bind", "source": "./data", "target": "/var/lib/postgresql/data"}
    draft, _, _ = drafted(project(tmp_path, {"db": {"image": "postgres:16", "volumes": [mount]}}))

    assert changes(draft, "db")["volumes"] == '!override ["db-data:/var/lib/postgresql/data"]'
    assert draft.volumes == ["db-data"]
