"""The definition for buildx."""

from pathlib import Path
from typing import Any

import pytest

from tagship.errors import ConfigError
from tagship.images import definition as bake
from tagship.names import Version
from tagship.project.build_settings import BuildSettings
from tests.fakes.builders import sha

FOLDER = Path("/src/shop")
VERSION = Version(sha("a"))


def target(**build: object) -> dict[str, Any]:
    """The one target of a service built like that."""
    said = bake.definition(
        {"services": {"web": {"build": build}}},
        {"web": "web"},
        FOLDER,
        prefix="r.example/shop",
        version=VERSION,
        labels={"l": "v"},
    )
    found: dict[str, Any] = said["target"]["web"]
    return found


def test_services_with_the_same_build_share_one_image() -> None:
    same, other = {"context": ".", "target": "app"}, {"context": ".", "target": "web"}
    model = {
        "services": {"backend": {"build": same}, "worker": {"build": dict(same)}, "web": {"build": other}, "db": {}}
    }

    assert bake.image_names(model, ("backend", "worker", "web", "db")) == {
        "backend": "backend",
        "worker": "backend",
        "web": "web",
    }


def test_every_image_is_one_target_of_one_build() -> None:
    model: dict[str, Any] = {"services": {"a": {"build": {}}, "b": {"build": {}}, "c": {"build": {}}}}

    said = bake.definition(model, {"a": "a", "b": "a", "c": "c"}, FOLDER, prefix="r", version=VERSION, labels={})

    assert said["group"]["default"]["targets"] == ["a", "c"]
    assert set(said["target"]) == {"a", "c"}


def test_an_image_is_tagged_by_its_commit_and_labelled() -> None:
    assert target()["tags"] == [f"r.example/shop/web:{sha('a')}"]
    assert target()["labels"] == {"l": "v"}


@pytest.mark.parametrize(
    ("context", "absolute"),
    [
        (".", "/src/shop"),
        ("./web", "/src/shop/web"),
        ("/elsewhere", "/elsewhere"),
        ("https://example.com/x.git#main", "https://example.com/x.git#main"),
        ("git@example.com:x.git", "git@example.com:x.git"),
    ],
)
def test_a_context_is_absolute_unless_it_is_somewhere_else(context: str, absolute: str) -> None:
    assert target(context=context)["context"] == absolute


def test_what_compose_says_of_a_build_is_passed_on_in_bakes_words() -> None:
    said = target(
        dockerfile="prod.Dockerfile",
        args={"A": "1"},
        target="app",
        platforms=["linux/arm64"],
        shm_size="1g",
        cache_from=["x"],
        no_cache=True,
    )

    wanted = {
        "dockerfile": "prod.Dockerfile",
        "args": {"A": "1"},
        "target": "app",
        "platforms": ["linux/arm64"],
        "shm-size": "1g",
        "cache-from": ["x"],
        "no-cache": True,
    }
    assert {key: said.get(key) for key in wanted} == wanted


def test_an_inline_dockerfile_replaces_the_file() -> None:
    said = target(dockerfile="Dockerfile", dockerfile_inline="FROM scratch")

    assert said["dockerfile-inline"] == "FROM scratch"
    assert "dockerfile" not in said


def test_labels_leave_out_what_is_not_known() -> None:
    dirty = Version(sha("a") + "-dirty-01234567")

    assert bake.labels(dirty, "", "2026-01-01T00:00:00Z") == {
        "org.opencontainers.image.revision": sha("a"),
        "org.opencontainers.image.version": sha("a") + "-dirty-01234567",
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
    }


def test_further_contexts_are_absolute_or_another_image_of_the_same_build() -> None:
    contexts = {
        "shared": "../shared", "base": "docker-image://alpine", "now": "service:worker", "before": "service:ui",
    }  # fmt: skip
    services = {"api": {"build": {"context": ".", "additional_contexts": contexts}}, "jobs": {"build": {}}}

    said = bake.definition(
        {"services": services}, {"api": "api", "worker": "jobs"}, FOLDER,
        prefix="r.example/shop", version=VERSION, labels={},
    )  # fmt: skip

    assert said["target"]["api"]["contexts"] == {
        "shared": "/src/shop/../shared", "base": "docker-image://alpine", "now": "target:jobs",
        "before": f"docker-image://r.example/shop/ui:{VERSION.tag}",
    }  # fmt: skip


def test_build_secrets_travel_by_name_and_never_by_value() -> None:
    resolved = {
        "services": {"web": {"build": {
            "context": ".", "secrets": [{"source": "npm", "target": "npmrc"}, {"source": "key"}],
        }}, "db": {}},
        "secrets": {"npm": {"environment": "NPM_TOKEN"}, "key": {"file": "key.pem"}, "other": {"environment": "X"}},
    }  # fmt: skip

    said = bake.definition(resolved, {"web": "web"}, FOLDER, prefix="r", version=VERSION, labels={})

    assert said["target"]["web"]["secret"] == ["id=npmrc,env=NPM_TOKEN", "id=key,src=/src/shop/key.pem"]
    assert bake.secret_variables(resolved) == {"NPM_TOKEN"}


def test_a_build_secret_from_nowhere_is_refused() -> None:
    resolved = {"services": {"web": {"build": {"context": ".", "secrets": [{"source": "npm"}]}}}}

    with pytest.raises(ConfigError, match="'npm' has neither"):
        bake.definition(resolved, {"web": "web"}, FOLDER, prefix="r", version=VERSION, labels={})


def kept(*, writes: bool = True, cache_from: tuple[str, ...] = (), **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    """The one target of a build with these settings."""
    said = bake.definition(
        {"services": {"web": {"build": {"cache_from": list(cache_from)}}}},
        {"web": "web"},
        FOLDER,
        prefix="r.example/shop",
        version=VERSION,
        labels={},
        settings=BuildSettings(**settings),
        writes=writes,
    )
    found: dict[str, Any] = said["target"]["web"]
    return found


def test_layers_are_kept_beside_the_image_and_a_cache_that_fails_fails_no_build() -> None:
    said = kept(cache="registry", cache_from=("r.example/base",))

    assert said["cache-from"] == ["r.example/base", "type=registry,ref=r.example/shop/web:buildcache"]
    (written,) = said["cache-to"]
    assert written == (
        "type=registry,ref=r.example/shop/web:buildcache,mode=max,image-manifest=true,oci-mediatypes=true,"
        "ignore-error=true"
    )
    assert kept(cache="gha")["cache-to"] == ["type=gha,scope=shop/web,mode=max,ignore-error=true"]


def test_a_pull_request_only_reads_the_cache() -> None:
    said = kept(cache="registry", writes=False)

    assert "cache-from" in said
    assert "cache-to" not in said


def test_attestations_are_only_asked_for_if_wanted() -> None:
    assert "attest" not in kept()
    assert kept(provenance="max", sbom=True)["attest"] == ["type=provenance,mode=max", "type=sbom"]
    assert kept(sbom="r.example/scanner")["attest"] == ["type=sbom,generator=r.example/scanner"]
