"""The recipes of docs/recipes.md go live on a server, as they stand there."""

import ipaddress
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import recipes
from tests.fakes.repositories import Repository
from tests.hello import TAGSHIP
from tests.rig import Host, Rig

pytestmark = pytest.mark.apps
PUBLIC = {"python:3.12-slim": "python", "caddy:2": "caddy", "redis:7-alpine": "redis", "registry:2": "registry"}
"""Public image → what stands in for it on the rig."""
NGINX = """RUN apt-get update && apt-get install -y --no-install-recommends nginx-light
RUN rm /etc/nginx/sites-enabled/default
COPY shop.conf /etc/nginx/conf.d/
CMD ["nginx", "-g", "daemon off;"]
"""


class Tried:
    """A recipe in a repository of its own, shipped from the laptop to a host."""

    def __init__(self, rig: Rig, host: Host, folder: Path, title: str) -> None:
        folder.mkdir()
        self.rig, self.host, self.folder = rig, host, folder
        self.repository = Repository(folder)
        self.apps = recipes.write(title, folder)
        for path in folder.rglob("tagship.yml"):
            path.write_text(self._here(path.read_text()))
        self.repository.commit()
        for public, ours in PUBLIC.items():
            rig.laptop.run(["docker", "tag", rig.image(ours), public])
            host.docker("pull", "--quiet", rig.image(ours))
            host.docker("tag", rig.image(ours), public)

    def _here(self, text: str) -> str:
        """The same for the rig: its server, whose names are spellings of its address, and no certificate."""
        names = dict.fromkeys(re.findall(r"https://([\w.-]+)", text))
        text = text.replace("ssh://deploy@server.example.com", self.host.ssh_url)
        for host, spelt in zip(names, spellings(self.host.address), strict=False):
            text = text.replace(f"https://{host}", f"http://{spelt}")
        return text if "\nedge:" in text else f"{text}edge: {{https: 0}}\n"

    def tagship(self, *words: str, at: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run the console command; if it fails, the test fails with its output."""
        done = subprocess.run(
            self.rig.laptop.command([TAGSHIP, *words]), cwd=at or self.apps[0], capture_output=True, text=True,
            check=False, env={**self.rig.laptop.environment, **(env or {})}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"tagship {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ship(self, environment: str = "staging", at: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """Build, push and deploy; returns the URL."""
        said = json.loads(self.tagship("ship", "--env", environment, "--json", at=at, env=env))
        return str(said["url"]).rstrip("/")

    def get(self, url: str) -> str:
        """Head and body of an answer. curl itself would write a host that is a number in its usual form."""
        return self.curl("--include", "--header", f"Host: {urlsplit(url).netloc}", url)

    def curl(self, *words: str) -> str:
        """What curl prints on the laptop."""
        return self.rig.laptop.run(["curl", "-s", "--max-time", "10", *words], check=False).stdout


def spellings(address: str) -> tuple[str, str]:
    """Two ways to write an IPv4 address: there is no name server on the rig."""
    return address, str(int(ipaddress.ip_address(address)))


@pytest.fixture
def recipe(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> Iterator[Tried]:
    """The recipe that the test names, not yet shipped; the server is empty before and after."""
    title, number = request.param
    tried = Tried(rig, rig.hosts[number], tmp_path / "app", title)
    yield tried
    for app in tried.apps:
        rig.laptop.run(["docker", "compose", "-p", f"{name(app)}-registry", "down", "--volumes"], check=False)
    rig.reset(tried.host)


def name(folder: Path) -> str:
    """An app's name."""
    found = re.search(r"^app: (\S+)", (folder / "tagship.yml").read_text(), re.MULTILINE)
    assert found
    return found[1]


def of(*titles: str, number: int = 0) -> pytest.MarkDecorator:
    """The recipes that a test tries, on which host."""
    return pytest.mark.parametrize("recipe", [(title, number) for title in titles], indirect=True, ids=titles)


@of("Only a Dockerfile", "A static site")
def test_it_answers_and_goes_back_after_a_change(recipe: Tried) -> None:
    url = recipe.ship()
    first = recipe.curl(f"{url}/")
    (recipe.folder / "public/index.html").write_text("Welcome back\n")
    recipe.repository.commit()

    recipe.ship()
    recipe.tagship("rollback", "--env", "staging")

    assert first.startswith(("path=/\n", "Welcome\n"))
    assert recipe.curl(f"{url}/") == first


@of("A worker without HTTP")
def test_a_worker_runs_without_a_route(recipe: Tried) -> None:
    recipe.tagship("accessories.up", "--env", "staging")
    recipe.ship()

    assert "waiting for jobs" in recipe.tagship("logs", "--env", "staging", "--service", "worker")


@of("Two apps on one server", "A monorepo with two apps")
def test_two_apps_go_live_beside_each_other(recipe: Tried) -> None:
    first, second = recipe.apps
    spelt = (second / "tagship.yml").read_text()
    one, other = spellings(recipe.host.address)
    (second / "tagship.yml").write_text(spelt.replace(f"http://{one}", f"http://{other}"))
    recipe.repository.commit()

    urls = [recipe.ship(at=folder) for folder in (first, second)]

    assert len(set(urls)) == len(urls)
    for folder, url in zip((first, second), urls, strict=True):
        answer = recipe.get(f"{url}/hello")
        assert "path=/hello\n" in answer
        assert f": {name(folder)}-staging-" in answer


@of("Two environments of one app on one server")
def test_two_environments_differ_by_their_variables(recipe: Tried) -> None:
    urls = {environment: recipe.ship(environment) for environment in ("staging", "production")}

    for environment, url in urls.items():
        assert f"greeting={environment}\n" in recipe.get(f"{url}/")


@of("Behind nginx or a load balancer", number=1)
def test_behind_nginx_the_app_sees_the_client_and_nobody_passes_nginx_by(recipe: Tried) -> None:
    nginx = recipe.folder.parent / "nginx"
    nginx.mkdir()
    (nginx / "shop.conf").write_text(recipes.read()["Behind nginx or a load balancer"]["/etc/nginx/conf.d/shop.conf"])
    (nginx / "Dockerfile").write_text(f"FROM {recipe.rig.image('debian')}\n{NGINX}")
    image = f"{recipe.rig.registry.address}/recipes/nginx"
    recipe.rig.laptop.run(["docker", "build", "--quiet", "--push", "--tag", image, str(nginx)])
    recipe.host.docker("run", "--detach", "--network=host", image)

    url = recipe.ship()
    seen = recipe.curl("-H", "X-Forwarded-For: 9.9.9.9", "-H", "X-Forwarded-Proto: https", f"{url}/")

    assert f"for={recipe.rig.laptop.address}, 10.213.0.1\n" in seen
    assert "proto=http\n" in seen
    assert recipe.curl(f"http://{recipe.host.address}:8080/") == ""
    recipe.tagship("maintenance.on", "--env", "staging")
    assert recipe.curl("-o", os.devnull, "-w", "%{http_code}", f"{url}/") == "503"


@of("A path prefix")
def test_a_prefix_is_taken_off_and_told(recipe: Tried) -> None:
    url = recipe.ship()

    assert "path=/docs2\n" in recipe.curl(f"{url}/docs2")
    below = recipe.curl(f"{url}/docs/a/b?c=d")
    assert "path=/a/b?c=d\n" in below
    assert "prefix=/docs\n" in below
    assert "path=/\n" in recipe.curl(f"{url}/docs")


@of("Several hosts, and a redirect from www")
def test_several_hosts_reach_the_app_and_www_leads_to_the_url(recipe: Tried) -> None:
    url = recipe.ship()

    for host in ("shop.example.org", "shop.example.net"):
        assert "path=/hello\n" in recipe.curl("-H", f"Host: {host}", f"{url}/hello")
    for host in ("www.shop.example.com", "www.shop.example.org"):
        shown = recipe.curl(
            "-o", os.devnull, "-w", "%{http_code} %{redirect_url}", "-H", f"Host: {host}", f"{url}/a?b=c"
        )
        assert shown == f"308 {url}/a?b=c"
    assert "nothing to do" in recipe.tagship("deploy", "--env", "staging")


@of("WebSocket")
def test_a_websocket_lives_through_the_cutover_and_ends_with_the_old_release(recipe: Tried) -> None:
    host = str(urlsplit(recipe.ship()).hostname)
    script = str(Path(__file__).parents[1] / "recipes/code/socket_client.py")
    client = subprocess.Popen(
        recipe.rig.laptop.command([sys.executable, script, host]), stdout=subprocess.PIPE, text=True
    )
    code = recipe.folder / "app.py"
    code.write_text(code.read_text().replace('"one"', '"two"'))
    recipe.repository.commit()

    recipe.ship()
    said, _ = client.communicate(timeout=60)

    seen = json.loads(said)
    assert seen["old"] == "one"
    assert seen["after_cutover"] > 0
    assert seen["new"] == "two"


@of("A cron service")
def test_cron_runs_the_job_with_the_containers_variables(recipe: Tried) -> None:
    url = recipe.ship()

    until = time.monotonic() + 75  # cron's minute
    while "report=daily ran" not in (seen := recipe.curl(f"{url}/")) and time.monotonic() < until:
        time.sleep(2)
    assert "report=daily ran" in seen
    assert "the job ran" in recipe.tagship("logs", "--env", "staging", "--service", "cron")


@of("A private registry")
def test_a_private_registry_is_signed_in_to(recipe: Tried) -> None:
    private = recipe.rig.private_registry
    settings = recipe.folder / "tagship.yml"
    text = settings.read_text().replace("registry.example.com/", f"{private.address}/")
    settings.write_text(f"{text}registry-insecure: true\n")
    recipe.repository.commit()
    signed = {"TAGSHIP_REGISTRY_USERNAME": private.username, "TAGSHIP_REGISTRY_PASSWORD": private.password}

    url = recipe.ship(env=signed)

    assert "path=/" in recipe.curl(f"{url}/")
