"""A release as an OCI artifact: what is in its Compose file, and what is sent to the registry."""

import json
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import ConfigError, RegistryError
from tagship.images import artifact
from tagship.images.commit import Images
from tagship.images.registry import Registry
from tagship.names import Version
from tagship.release.model import Shape, Sources
from tests.fakes.builders import sha
from tests.fakes.servers import Answer, Request, Server

WEB = f"sha256:{'1' * 64}"
REDIS = f"sha256:{'2' * 64}"
MODEL: dict[str, Any] = {
    "name": "shop",
    "services": {
        "web": {
            "build": {"context": "."},
            "environment": {"SHA": "${TAGSHIP_SHA:-dev}", "COLOR": "${COLOR}", "PRICE": "$$TAGSHIP_SHA"},
            "depends_on": {"cache": {"condition": "service_started"}, "mail": {"condition": "service_started"}},
            "secrets": [{"source": "key"}],
            "configs": [{"source": "page"}],
        },
        "cache": {"image": "REGISTRY/redis:7"},
        "mail": {"image": "mailpit", "profiles": ["dev"]},
    },
    "secrets": {"key": {"file": "key.txt"}, "unused": {"environment": "X"}},
    "configs": {"page": {"file": "page.html"}},
}


def images(registry: Registry | None, model: dict[str, Any] | None = None, name: str = "web") -> Images:
    """A commit with one built service, one of the registry's own images, and one for development alone."""
    host = registry.host if registry else "shop.local"
    text = json.dumps(model or MODEL).replace("REGISTRY", host)
    sources = Sources(json.loads(text), {"page.html": "costs $5"})
    shape = Shape(("web",), accessories=("cache",))
    return Images(Version(sha("a")), sources, shape, Path(), {"web": name}, f"{host}/shop", registry)


@pytest.fixture
def registry(web: Server) -> Registry:
    """A registry on this machine."""
    return Registry(f"localhost:{web.port}")


def test_it_has_digests_and_no_value_of_a_variable(registry: Registry) -> None:
    wanted = images(registry)
    pinned = f"{registry.host}/redis@{REDIS}"

    made = artifact.composed(wanted, {"web": WEB}, {f"{registry.host}/redis:7": pinned})

    web = made["services"]["web"]
    assert web["image"] == f"{registry.host}/shop/web@{WEB}"
    assert web["environment"] == {"SHA": sha("a"), "COLOR": "${COLOR}", "PRICE": "$$TAGSHIP_SHA"}
    assert (list(web["depends_on"]), "build" in web) == (["cache"], False)
    assert made["services"]["cache"] == {"image": pinned, "depends_on": {}}
    assert made["secrets"] == {"key": {"environment": "TAGSHIP_FILE_KEY"}}
    assert made["configs"] == {"page": {"content": "costs $$5"}}


def test_it_is_uploaded_once_in_the_format_of_compose(web: Server, registry: Registry) -> None:
    sent: list[Request] = []

    def take(request: Request) -> Answer:
        sent.append(request)
        return Answer(201 if request.method == "PUT" else 202, headers={"Location": "/upload?state=1"})

    tag = f"/v2/shop/release/manifests/{sha('a')}"
    web.answers[f"HEAD {tag}"] = Answer(404)
    web.answers["HEAD /v2/redis/manifests/7"] = Answer(headers={"Docker-Content-Digest": REDIS})
    web.answers["POST /v2/shop/release/blobs/uploads/"] = take
    web.answers["PUT /upload"] = take
    web.answers[f"PUT {tag}"] = take

    done = artifact.publish(images(registry), {"web": WEB}, "2026-11-28T00:00:00+00:00")

    manifest = json.loads(sent[-1].body)
    layer = manifest["layers"][0]
    assert (manifest["artifactType"], layer["mediaType"]) == (artifact.PROJECT, artifact.FILE)
    assert (done.tagged, done.by_tag) == (f"{registry.host}/shop/release:{sha('a')}", ())
    before = len(sent)
    web.answers[f"HEAD {tag}"] = Answer(headers={"Docker-Content-Digest": WEB})
    assert artifact.publish(images(registry), {"web": WEB}, "").reference.endswith(WEB)
    assert len(sent) == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"env_file": [{"path": "web.env"}]}, "takes variables from web.env"),
        ({"volumes": [{"type": "bind", "source": "./src", "target": "/src"}]}, "mounts ./src"),
    ],
)
def test_what_needs_the_projects_files_is_refused(registry: Registry, change: dict[str, Any], problem: str) -> None:
    services = {**MODEL["services"], "web": {**MODEL["services"]["web"], **change}}

    with pytest.raises(ConfigError, match=problem):
        artifact.refuse(images(registry, {**MODEL, "services": services}))


def test_it_needs_a_registry_and_a_name_of_its_own(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="no registry"):
        artifact.refuse(images(None))
    with pytest.raises(ConfigError, match="An image is called release"):
        artifact.refuse(images(registry, name="release"))
