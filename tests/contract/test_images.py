"""The images of an app's Compose file, and what is built of them."""

import json
import os
import shlex
from pathlib import Path

import pytest

from tagship.engine.client import Engine
from tagship.images import build, embedded
from tagship.images import commit as images
from tagship.names import Version
from tagship.project.schema import Environment
from tagship.system import programs
from tests.fakes.repositories import Repository
from tests.fakes.servers import Answer, on_port

COMPOSE = {
    "name": "shop",
    "services": {
        "web": {"build": {"context": "web", "args": {"VERSION": "${TAGSHIP_SHA}", "BASE": "${BASE:-debian}"}}},
        "api": {"build": "."},
        "worker": {"build": ".", "environment": {"PASSWORD": "${PASSWORD:?}"}},
        "db": {"image": "postgis"},
    },
}


@pytest.fixture
def app(folder: Path) -> Repository:
    """An app of three services that are built, two of them alike."""
    repository = Repository(folder)
    repository.write("docker-compose.yml", json.dumps(COMPOSE))
    repository.write("vars", "BASE=alpine\n")
    repository.commit()
    return repository


def settings(**changed: object) -> Environment:
    """An environment of tagship.yml."""
    return Environment.model_validate(
        {"name": "staging", "app": "shop", "engine": "ssh://x", "url": "http://x", "variables": "vars", **changed}
    )


def found(app: Repository, **changed: object) -> images.Images:
    """The images of what is checked out, in an environment."""
    return images.of(settings(**changed), Version(app.run("rev-parse", "HEAD")), app.folder, repository=app.folder)


@pytest.mark.parametrize(
    ("changed", "prefix", "registry"),
    [
        ({"registry": "ghcr.io/shop"}, "ghcr.io/shop", "ghcr.io"),
        ({"registry": "embedded"}, f"localhost:{embedded.port('shop')}/shop", f"localhost:{embedded.port('shop')}"),
        ({"registry": "ghcr.io/shop", "engine": "local"}, "ghcr.io/shop", None),
        ({"engine": "local"}, "shop.local", None),
    ],
)
def test_images_are_named_after_their_registry(
    app: Repository, changed: dict[str, str], prefix: str, registry: str | None
) -> None:
    wanted = found(app, **changed)

    assert (wanted.prefix, wanted.registry and wanted.registry.host) == (prefix, registry)
    assert wanted.repositories == {"api": f"{prefix}/api", "web": f"{prefix}/web"}
    assert wanted.names == {"api": "api", "web": "web", "worker": "api"}


@pytest.fixture
def definition(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What buildx is asked to build, by one that builds nothing; Compose stays what it is."""
    folder = tmp_path_factory.mktemp("docker")
    kept = os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker"))
    scripts = {
        "compose": f'DOCKER_CONFIG={shlex.quote(kept)} exec {shlex.join(programs.docker_plugin("compose"))} "$@"',
        "buildx": f"cat > {folder}/definition",
    }
    (folder / "cli-plugins").mkdir()
    for name, script in scripts.items():
        plugin = folder / "cli-plugins" / f"docker-{name}"
        plugin.write_text(f"#!/bin/sh\n{script}\n")
        plugin.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder / "definition"


def built(wanted: images.Images, environment: Environment) -> list[str]:
    """What a build says that it built."""
    return build.build(wanted, environment, build.resolve(wanted, environment), Engine(Path("/nowhere")))


def test_builds_every_image_in_one_build(app: Repository, definition: Path) -> None:
    wanted = found(app, engine="local")

    assert built(wanted, settings(engine="local")) == ["api", "web"]

    asked = json.loads(definition.read_text())["target"]
    assert {name: target["context"] for name, target in asked.items()} == {
        "api": str(app.folder),
        "web": str(app.folder / "web"),
    }
    assert asked["web"]["args"] == {"VERSION": wanted.version.tag, "BASE": "alpine"}
    assert asked["web"]["labels"]["org.opencontainers.image.revision"] == wanted.version.sha


def test_builds_only_what_the_registry_lacks(app: Repository, definition: Path) -> None:
    with on_port() as registry:
        wanted = found(app, registry=f"localhost:{registry.port}/shop")
        has = Answer(headers={"Docker-Content-Digest": f"sha256:{'1' * 64}"})
        registry.answers[f"HEAD /v2/shop/web/manifests/{wanted.version.tag}"] = has

        assert built(wanted, settings()) == ["api"]
        assert list(json.loads(definition.read_text())["target"]) == ["api"]

        registry.answers[f"HEAD /v2/shop/api/manifests/{wanted.version.tag}"] = has
        definition.unlink()
        assert built(wanted, settings()) == []
        assert not definition.exists()


def test_a_build_needs_no_registry(app: Repository, definition: Path) -> None:
    assert built(found(app, registry="127.0.0.1:1/shop"), settings()) == ["api", "web"]
    assert definition.exists()
