"""Makes a commit a release."""

import json
from pathlib import Path

import pytest

from tagship.engine.client import Engine
from tagship.errors import ConfigError, RegistryError, SourceError
from tagship.images import digests as releases
from tagship.images.commit import Images
from tagship.images.registry import Registry, UnreachableRegistryError
from tagship.names import Version
from tagship.project.schema import Environment
from tagship.release.model import Shape, Sources
from tagship.source import checkout
from tests.fakes.builders import sha
from tests.fakes.repositories import Repository
from tests.fakes.servers import Answer, Server

DIGEST, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
HOST = "127.0.0.1:1"
"""Nothing answers there."""
WEB = f"{HOST}/shop/web"


def found(version: Version, host: str = HOST) -> Images:
    """The one image of a commit."""
    return Images(version, Sources({}), Shape(("web",)), Path(), {"web": "web"}, f"{host}/shop", Registry(host))


def environment(**settings: object) -> Environment:
    """An environment of tagship.yml."""
    return Environment.model_validate({"name": "production", "engine": "local", "url": "http://localhost", **settings})


CLEAN, DIRTY = Version(sha("a")), Version(sha("a") + "-dirty-01234567")


def test_what_was_just_pushed_is_not_asked_for_again(engine: Engine) -> None:
    release = releases.release(found(CLEAN), engine, lambda: {"web": DIGEST})

    assert release.images == {"web": f"{WEB}@{DIGEST}"}


def test_with_the_registry_down_what_the_server_has_of_that_commit_is_as_good(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /images/json"] = Answer(
        body=[{"RepoDigests": None}, {"RepoDigests": [f"elsewhere/web@{OTHER}", f"{WEB}@{DIGEST}"]}]
    )

    assert releases.release(found(CLEAN), engine, found(CLEAN).digests).images == {"web": f"{WEB}@{DIGEST}"}


def test_with_the_registry_down_a_dirty_build_of_that_commit_is_not(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /images/json"] = Answer(body=[{"RepoDigests": [f"{WEB}@{DIGEST}"]}])

    releases.release(found(CLEAN), engine, found(CLEAN).digests)
    releases.release(found(DIRTY), engine, found(DIRTY).digests)

    clean, dirty = (request.query["filters"] for request in daemon.requests)
    assert clean != dirty


def test_with_the_registry_down_and_nothing_on_the_server_there_is_nothing_to_deploy(
    daemon: Server, engine: Engine
) -> None:
    daemon.answers["GET /images/json"] = Answer(body=[])

    with pytest.raises(UnreachableRegistryError):
        releases.release(found(CLEAN), engine, found(CLEAN).digests)


@pytest.mark.parametrize(
    ("handed", "refused"), [({"web": f"{WEB}@{DIGEST}"}, False), ({"web": f"{WEB}@{OTHER}"}, True), ({}, True)]
)
def test_what_another_job_pushed_is_what_is_deployed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, handed: dict[str, str], *, refused: bool
) -> None:
    monkeypatch.setenv(releases.DIGESTS, json.dumps(handed))

    if refused:
        with pytest.raises(RegistryError, match="but the build pushed"):
            releases.release(found(CLEAN), engine, lambda: {"web": DIGEST})
    else:
        releases.release(found(CLEAN), engine, lambda: {"web": DIGEST})


def test_a_local_engine_is_deployed_to_from_what_was_built_on_it(daemon: Server, engine: Engine) -> None:
    daemon.answers[f"GET /images/shop.local/web:{CLEAN.tag}/json"] = Answer(body={"Id": DIGEST})
    local = Images(CLEAN, Sources({}), Shape(("web",)), Path(), {"web": "web"}, "shop.local", None)

    assert releases.release(local, engine, local.digests).images == {"web": DIGEST}


def test_what_another_job_hands_over_must_be_json(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(releases.DIGESTS, "{")

    with pytest.raises(ConfigError, match="is no JSON object"):
        releases.release(found(CLEAN), engine, lambda: {"web": DIGEST})


@pytest.mark.parametrize("settings", [{"promote-from": "staging"}, {"approval": "required"}])
def test_a_dirty_tree_goes_nowhere_where_somebody_relies_on_commits(
    repository: Repository, settings: dict[str, str]
) -> None:
    repository.write("app.py", "print(2)")

    assert checkout.version(environment(), "", repository.folder, dirty=True).dirty
    with pytest.raises(SourceError, match="production accepts only committed releases"):
        checkout.version(environment(**settings), "", repository.folder, dirty=True)


def test_a_commit_that_is_checked_out_is_used_where_it_is(repository: Repository) -> None:
    with checkout.checkout(Version(repository.first), repository.folder) as folder:
        assert folder == repository.folder


def test_any_other_commit_is_copied_out_and_the_copy_goes_again(repository: Repository) -> None:
    repository.write("app.py", "print(2)")

    with checkout.checkout(Version(repository.first), repository.folder) as folder:
        assert (folder / "app.py").read_text() == "print(1)\n"

    assert not folder.exists()
