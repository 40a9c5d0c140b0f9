"""What a builder can't do, said before a build."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tagship.images import builder
from tagship.images.builder import Builder
from tagship.project.build_settings import BuildSettings

OWN = Builder("docker", ("linux/amd64", "linux/386"))
CONTAINERD = Builder("docker", ("linux/amd64", "linux/arm64"), containerd=True)
CONTAINER = Builder("docker-container")
GITHUB = {"ACTIONS_RUNTIME_TOKEN": "x", "ACTIONS_RESULTS_URL": "https://x.example"}


def problems(
    found: Builder,
    *platforms: str,
    known: Mapping[str, str] = GITHUB,
    **settings: Any,  # noqa: ANN401 - YAML
) -> list[str]:
    """What is wrong with a build of `web` for these platforms."""
    definition: dict[str, Any] = {"target": {"web": {"platforms": list(platforms)}}}
    return [text for text, _ in builder.problems(found, BuildSettings(**settings), definition, known)]


def test_a_plain_build_asks_nothing_of_the_builder() -> None:
    assert not builder.asks(BuildSettings(), {"target": {"web": {}}})


@pytest.mark.parametrize("cache", ["registry", "gha"])
def test_the_engine_s_own_builder_keeps_a_cache_only_with_containerd_s_store(cache: str) -> None:
    assert problems(OWN, cache=cache) == [f"build.cache: the engine's own builder can't keep a cache for `{cache}`."]
    assert problems(CONTAINERD, cache=cache) == problems(CONTAINER, cache=cache) == []


def test_github_s_cache_needs_what_github_gives_to_actions() -> None:
    assert problems(CONTAINERD, cache="gha", known={"ACTIONS_RESULTS_URL": "https://x.example"}) == [
        "build.cache: gha needs ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL, which this process doesn't have."
    ]


@pytest.mark.parametrize("found", [OWN, CONTAINER])
def test_attestations_need_an_image_store_that_holds_them(found: Builder) -> None:
    assert problems(found, provenance="min", sbom=True) == [
        "build.provenance and build.sbom: the engine's image store can't hold attestations."
    ]
    assert problems(CONTAINERD, provenance="max", sbom=True) == []


def test_several_platforms_need_a_store_and_a_builder_for_them() -> None:
    assert problems(OWN, "linux/amd64", "linux/arm64/v8") == [
        "web is built for linux/amd64, linux/arm64/v8, and the engine's image store holds one platform.",
        "web is built for linux/arm64/v8, and the builder can't.",
    ]
    assert problems(CONTAINERD, "linux/amd64", "linux/arm64/v8") == []
    assert problems(OWN, "linux/amd64") == problems(CONTAINER, "linux/arm64") == []


def test_buildx_gets_the_user_s_builder_and_the_way_to_github_s_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**GITHUB, "BUILDX_BUILDER": "mine", "SECRET_KEY": "s"}.items():
        monkeypatch.setenv(name, value)
    for name in ("BUILDX_CONFIG", "ACTIONS_CACHE_URL", "ACTIONS_CACHE_SERVICE_V2"):
        monkeypatch.delenv(name, raising=False)

    assert builder.environment(Path("/run/x.sock")) == {
        **GITHUB,
        "ACTIONS_CACHE_SERVICE_V2": "true",
        "BUILDX_BUILDER": "mine",
        "DOCKER_HOST": "unix:///run/x.sock",
    }
