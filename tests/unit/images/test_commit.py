"""The images of a commit: which are in the registry, and what is pushed."""

from pathlib import Path

import pytest

from tagship.engine.client import Engine
from tagship.errors import ConfigError, RegistryError, SourceError
from tagship.images import commit as images
from tagship.images import digests, push
from tagship.images.commit import Images
from tagship.images.registry import Registry
from tagship.names import Version
from tagship.project.schema import Environment
from tagship.release.model import Shape, Sources
from tagship.source import checkout
from tests.fakes.builders import sha
from tests.fakes.repositories import Repository
from tests.fakes.servers import Answer, Server

DIGEST, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
TAG = sha("a")


@pytest.fixture
def found(web: Server) -> Images:
    """Those of services `web`, and `api` and `worker` that share an image."""
    host = f"localhost:{web.port}"
    names = {"web": "web", "api": "api", "worker": "api"}
    return Images(
        Version(TAG), Sources({}), Shape(("api", "web", "worker")), Path(), names, f"{host}/shop", Registry(host)
    )


def local(found: Images) -> Images:
    """The same where there is no registry."""
    return Images(found.version, found.sources, found.shape, found.folder, found.names, "shop.local", None)


def has(web: Server, image: str, digest: str = DIGEST) -> None:
    """The registry has that image."""
    web.answers[f"HEAD /v2/shop/{image}/manifests/{TAG}"] = Answer(headers={"Docker-Content-Digest": digest})


def test_the_registry_is_asked_once_for_each_image(found: Images, web: Server) -> None:
    has(web, "api")

    assert found.digests() == {"api": DIGEST}
    assert len(web.requests) == 2


def test_every_service_gets_its_image_by_digest(found: Images) -> None:
    prefix = found.prefix

    assert found.by_service({"api": DIGEST, "web": OTHER}) == {
        "web": f"{prefix}/web@{OTHER}",
        "api": f"{prefix}/api@{DIGEST}",
        "worker": f"{prefix}/api@{DIGEST}",
    }


def test_without_a_registry_it_is_the_images_id(found: Images) -> None:
    assert local(found).by_service({"api": DIGEST, "web": OTHER})["worker"] == DIGEST
    assert local(found).digests() == {}


def test_an_image_that_is_nowhere_is_named(found: Images) -> None:
    with pytest.raises(RegistryError, match=r"localhost:\d+ has no api of aaaaaaaa") as raised:
        found.by_service({"web": DIGEST})
    assert "tagship ship" not in raised.value.hint, "which would replace a `deploy --canary` by a release for everyone"
    with pytest.raises(RegistryError, match="This machine's engine has no api, web of aaaaaaaa"):
        local(found).by_service({})


def test_pushes_what_the_registry_lacks_and_nothing_else(
    found: Images, web: Server, daemon: Server, engine: Engine
) -> None:
    has(web, "api")
    repository = f"{found.prefix}/web"
    daemon.answers |= {
        f"GET /images/{repository}:{TAG}/json": Answer(body={"Id": "i"}),
        f"POST /images/{repository}/push": Answer(lines=[{"aux": {"Digest": OTHER}}]),
    }

    assert push.push(found, engine) == {"api": DIGEST, "web": OTHER}

    assert [request.path for request in daemon.requests if request.method == "POST"] == [f"/images/{repository}/push"]


@pytest.mark.parametrize("known", [DIGEST, OTHER])
def test_a_tag_never_names_another_image(
    found: Images, web: Server, daemon: Server, engine: Engine, known: str
) -> None:
    has(web, "api")
    has(web, "web")
    daemon.answers[f"GET /images/{found.prefix}/web:{TAG}/json"] = Answer(
        body={"Id": "i", "RepoDigests": [f"{found.prefix}/web@{known}"]}
    )

    if known == DIGEST:
        assert push.push(found, engine) == {"api": DIGEST, "web": DIGEST}
    else:
        with pytest.raises(RegistryError, match="is already sha256:1") as caught:
            push.push(found, engine)
        assert "never replaced" in caught.value.hint


def test_what_was_not_built_can_not_be_pushed(found: Images, web: Server, engine: Engine) -> None:
    has(web, "api")

    with pytest.raises(RegistryError, match=r"There is no image .*/web:a+ to push") as caught:
        push.push(found, engine)

    assert "tagship build" in caught.value.hint


def test_pushing_needs_a_registry(found: Images, engine: Engine) -> None:
    with pytest.raises(RegistryError, match="has no registry"):
        push.push(local(found), engine)


def test_a_server_without_a_registry_is_refused_before_anything_is_built() -> None:
    settings = Environment.model_validate(
        {"name": "staging", "app": "shop", "engine": "ssh://me@example.com", "url": "http://x"}
    )

    with pytest.raises(ConfigError, match=r"staging is on ssh://me@example\.com, but tagship.yml has no") as caught:
        images.of(settings, Version(TAG), Path(), repository=Path())

    assert "registry: embedded" in caught.value.hint


def test_an_engine_on_this_machine_has_what_was_built_here(found: Images, daemon: Server, engine: Engine) -> None:
    daemon.answers[f"GET /images/shop.local/web:{TAG}/json"] = Answer(body={"Id": DIGEST})

    assert digests.local_ids(local(found), engine) == {"web": DIGEST}


def test_a_work_tree_that_is_not_its_commit_is_refused_with_a_few_names(repository: Repository) -> None:
    checkout.refuse_dirty(repository.folder)
    for number in range(5):
        repository.write(f"{number}.py", "")

    with pytest.raises(SourceError, match=r"uncommitted changes: 0\.py, 1\.py, 2\.py, 3\.py, 4\.py\.\n"):
        checkout.refuse_dirty(repository.folder)

    repository.write("5.py", "")
    repository.write("6.py", "")
    with pytest.raises(SourceError, match=r"4\.py and 2 more\."):
        checkout.refuse_dirty(repository.folder)
