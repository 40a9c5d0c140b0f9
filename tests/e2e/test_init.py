"""Applications that know nothing of Tagship go live with what `init` writes for them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.fakes.repositories import Repository
from tests.hello import TAGSHIP
from tests.rig import Host, Rig

APPS = Path(__file__).parents[1] / "apps"
PUBLIC = {
    "python:3.11-slim": "python",
    "node:22-slim": "node",
    "caddy:2": "caddy",
    "caddy:2-alpine": "caddy",
    "redis:7-alpine": "redis",
    "redis:alpine": "redis",
    "postgis/postgis:15-3.3": "postgis",
    "postgres:15": "postgis",
    "registry:2": "registry",
}
"""Public image → what stands in for it on the rig."""
BUILT_FROM = {
    "go-service": {"golang:1.19": "golang", "debian:bookworm-slim": "debian"},
    "laravel-shaped": {"php:8.2-apache": "php"},
    "rails-shaped": {"ruby:3.1-slim": "ruby"},
}
"""App → the same for images that only a build needs."""
SAYS = {
    "django-dev": ("/api/properties/", '"properties"'),
    "dockerfile-only": ("/", "Dockerfile only"),
    "flask-redis": ("/", "Seen"),
    "go-service": ("/", "Hello from Go"),
    "laravel-shaped": ("/", "Laravel-shaped, visit"),
    "monorepo": ("/api/", "api hello"),
    "node-api": ("/health", '"secret":true'),
    "rails-shaped": ("/", "Rails-shaped, visit"),
    "static-site": ("/", "Static site"),
    "worker": ("", ""),
}
"""App → a path, and what its answer has."""
CHANGED = {
    "django-dev": "frontend/react-scripts/start.js",
    "dockerfile-only": "index.html",
    "flask-redis": "app.py",
    "go-service": "internal/greet/greet.go",
    "laravel-shaped": "routes/web.php",
    "monorepo": "site/index.html",
    "node-api": "index.mjs",
    "rails-shaped": "config/routes.rb",
    "static-site": "public/index.html",
    "worker": "worker.py",
}
SECRETS = {"POSTGRES_PASSWORD": "p4ss-w0rd", "SECRET_KEY": "k3y", "SESSION_SECRET": "s3ss"}
"""What `init` asks for on a server."""
VARIABLES = {"DB_DATABASE": "/var/www/html/storage/database.sqlite"}
"""The same for variables, where any word won't do."""
GO = """#!/bin/sh
exec docker run --rm --volume "$PWD:/src" --workdir /src golang:1.19 go "$@"
"""
"""Go on the laptop."""
LEFT = ("container", "volume", "network")


class Shipped:
    """One of the applications, in a repository of its own, and the laptop that it is shipped from."""

    def __init__(self, rig: Rig, folder: Path, name: str) -> None:
        self.rig, self.name, self.folder = rig, name, folder
        folder.mkdir()
        self.repository = Repository(folder)
        (folder / "app.py").unlink()  # its first commit's
        shutil.copytree(APPS / name, folder, dirs_exist_ok=True)
        self.repository.commit()
        for public, ours in {**PUBLIC, **BUILT_FROM.get(name, {})}.items():
            rig.laptop.run(["docker", "tag", rig.image(ours), public])
        self.path = rig.laptop.environment["PATH"]
        if (folder / "go.mod").exists():
            programs = folder.parent / "bin"
            programs.mkdir()
            (programs / "go").write_text(GO)
            (programs / "go").chmod(0o755)
            self.path = f"{programs}:{self.path}"

    def tagship(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """Run the console command; if it fails, the test fails with its output."""
        done = subprocess.run(
            self.rig.laptop.command([TAGSHIP, *words]), cwd=self.folder, capture_output=True, text=True, check=False,
            env={**self.rig.laptop.environment, "PATH": self.path, **(env or {})}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"tagship {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def get(self, url: str) -> str:
        """The body of an answer, as curl on the laptop gets it."""
        return self.rig.laptop.run(["curl", "-sf", url]).stdout

    def use_server(self, host: Host) -> None:
        """Fill in what `init` asked for: the server, its URL, and the variables."""
        for public, ours in PUBLIC.items():
            host.docker("pull", "--quiet", self.rig.image(ours))
            host.docker("tag", self.rig.image(ours), public)
        path = self.folder / "tagship.yml"
        text = path.read_text().replace("ssh://deploy@staging.example.com", host.ssh_url)
        path.write_text(text.replace("https://staging.example.com", f"http://{host.address}\n    edge: {{https: 0}}"))
        variables = self.folder / ".env.staging"
        if variables.exists():
            given = variables.read_text()
            for name in re.findall("^(.*)=$", given, re.MULTILINE):
                given = given.replace(f"\n{name}=\n", f"\n{name}={VARIABLES.get(name, 'info')}\n")
            variables.write_text(given)

    def remove(self) -> None:
        """Everything on the laptop's engine that Tagship left, its edge included."""
        for kind in LEFT:
            every = ["-a"] if kind == "container" else []
            for label in (f"tagship.app={self.name}", "tagship.edge"):
                listing = ["docker", kind, "ls", "-q", *every, "--filter", f"label={label}"]
                if found := self.rig.laptop.run(listing).stdout.split():
                    self.rig.laptop.run(["docker", kind, "rm", *(["-fv"] if every else []), *found])
        self.rig.laptop.run(["docker", "compose", "-p", f"{self.name}-registry", "down", "--volumes"], check=False)


@pytest.fixture
def app(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> Iterator[Shipped]:
    made = Shipped(rig, tmp_path / request.param, request.param)
    yield made
    made.remove()


def _initialised(app: Shipped) -> str:
    said = app.tagship("init", "--yes")
    assert "A deploy refuses" not in said
    app.repository.commit()
    return said


@pytest.mark.parametrize(
    "app",
    ["django-dev", *(pytest.param(name, marks=pytest.mark.apps) for name in SAYS if name != "django-dev")],
    indirect=True,
)
def test_what_init_writes_ships_to_this_machine_as_it_is(app: Shipped) -> None:
    said = _initialised(app)
    app.tagship("accessories.up", "--env", "local")
    shipped = json.loads(app.tagship("ship", "--env", "local", "--json"))

    path, text = SAYS[app.name]
    if path:
        assert text in app.get(f"http://{app.name}.localhost:8880{path}")
    if app.name == "django-dev":
        assert "runserver 0.0.0.0:8000` is Django's development server" in said
        types = ["contenttypes.0001_initial", "contenttypes.0002_remove_content_type_name"]
        assert shipped["migrations"] == [*types, "properties.0001_initial"]


@pytest.mark.apps
@pytest.mark.parametrize("app", SAYS, indirect=True)
def test_it_ships_to_a_server_is_changed_and_rolled_back(app: Shipped) -> None:
    host = app.rig.hosts[0]
    _initialised(app)
    app.use_server(host)
    app.repository.commit()
    url = f"redis://:{SECRETS['POSTGRES_PASSWORD']}@queue:6379/0"
    env = {**SECRETS, "QUEUE_URL": url, "TAGSHIP_ENV": "staging"}
    path, text = SAYS[app.name]
    try:
        app.tagship("accessories.up", "--env", "staging", env=env)
        first = json.loads(app.tagship("ship", "--env", "staging", "--json", env=env))
        with (app.folder / CHANGED[app.name]).open("a") as file:
            file.write("\n")
        app.repository.commit()
        second = json.loads(app.tagship("ship", "--env", "staging", "--json", env=env))
        back = json.loads(app.tagship("rollback", "--env", "staging", "--json", env=env))
        assert first["release"] == back["release"] != second["release"]
        if path:
            assert text in app.get(f"http://{host.address}{path}")
    finally:
        app.rig.reset(host)
