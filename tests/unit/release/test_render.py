"""A release as a Compose model of its own: each trap of rendering that somebody fell into."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tagship.engine import quirks
from tagship.errors import ConfigError
from tagship.names import Version
from tagship.release import identity, markers, references, render, selection
from tagship.release.model import Release, Rendered, Shape, Sources, Volume
from tagship.secret import Secret
from tagship.variables import resolve
from tests.fakes.builders import PLACE, sha

NAME = "shop-staging-aaaaaaaa-c0ffee"
HOSTILE = ["$HOME", "$$", "a'b\"c", "two\nlines", "päss⟦wörd⟧", "⟦OTHER⟧", "\\1", "${X:-y}", ""]
Model = Mapping[str, Any]


def resolved(**services: Model) -> dict[str, Any]:
    """What Compose says of a file with those services."""
    return {
        "name": "shop",
        "services": {
            name: {"image": "built", "networks": {"default": None}, **settings} for name, settings in services.items()
        },
        "networks": {"default": {"name": "shop_default", "ipam": {}}},
    }


def release(images: Mapping[str, str] | None = None) -> Release:
    """A release of those images."""
    return Release(Version(sha("a")), images or {}, Sources({}), Shape(("web",)))


def rendered(model: Model, files: Mapping[str, str] | None = None, images: Mapping[str, str] | None = None) -> Rendered:
    """The release's Compose project."""
    return render.render_release(PLACE, release(images), model, files or {}, NAME)


def web(**settings: object) -> dict[str, Any]:
    """The one service `web`, rendered."""
    service: dict[str, Any] = rendered(resolved(web=settings)).model["services"]["web"]
    return service


def sources(files: Mapping[str, str] | None = None, **services: Model) -> Sources:
    """A merged Compose file that isn't interpolated."""
    return Sources({"name": "shop", "services": services}, files or {})


def test_images_are_named_by_digest_and_never_pulled_by_compose() -> None:
    service = rendered(resolved(web={}), images={"web": "r.example/web@sha256:1"}).model["services"]["web"]

    assert (service["image"], service["pull_policy"]) == ("r.example/web@sha256:1", "never")


def test_an_image_that_is_not_built_stays_what_the_file_says() -> None:
    assert web(image="redis:7")["image"] == "redis:7"


@pytest.mark.parametrize(
    "key", ["ports", "container_name", "profiles", "develop", "links", "build", "env_file", "pull_policy"]
)
def test_what_is_for_building_or_for_a_development_host_is_dropped(key: str) -> None:
    assert key not in web(**{key: ["x"]})


@pytest.mark.parametrize("policy", ["always", "on-failure:3", "unless-stopped", None])
def test_a_stopped_release_is_not_revived_when_the_engine_restarts(policy: str | None) -> None:
    service = web(restart=policy)

    assert (service["restart"], service["labels"]["tagship.restart"]) == ("no", "always")


def test_what_is_never_to_restart_does_not() -> None:
    service = web(restart="no")

    assert (service["restart"], service["labels"]["tagship.restart"]) == ("no", "no")


@pytest.mark.parametrize(("condition", "policy"), [("any", "always"), ("on-failure", "always"), ("none", "no")])
def test_the_deploy_keys_restart_policy_does_not_win(condition: str, policy: str) -> None:
    service = web(restart="no", deploy={"restart_policy": {"condition": condition}, "replicas": 2})

    assert service["deploy"] == {"replicas": 2}
    assert (service["restart"], service["labels"]["tagship.restart"]) == ("no", policy)


def test_resource_limits_are_those_of_the_compose_file() -> None:
    resources = {"limits": {"memory": "268435456", "cpus": 0.5, "pids": 99}, "reservations": {"memory": "134217728"}}

    service = web(deploy={"resources": resources}, mem_limit="268435456", cpus=0.5)

    assert service["deploy"] == {"resources": resources}
    assert (service["mem_limit"], service["cpus"]) == ("268435456", 0.5)


def test_a_one_shot_does_not_start_again_for_ever() -> None:
    model = resolved(web={"depends_on": {"assets": {"condition": "service_completed_successfully"}}}, assets={})

    services = rendered(model).model["services"]

    assert [services[name]["labels"]["tagship.restart"] for name in ("assets", "web")] == ["no", "always"]


def test_a_release_has_a_network_of_its_own_whatever_name_compose_pinned() -> None:
    assert rendered(resolved(web={})).model["networks"] == {"default": {"name": NAME, "external": True}}


def test_every_network_becomes_the_releases_own_and_aliases_are_kept() -> None:
    networks = {"front": {"aliases": ["www", "api"]}, "back": {"aliases": ["api"]}, "plain": None}

    assert web(networks=networks)["networks"] == {"default": {"aliases": ["api", "www"]}}


def test_a_service_on_the_hosts_network_gets_no_other() -> None:
    model = resolved(web={"network_mode": "host"})
    del model["services"]["web"]["networks"]

    assert "networks" not in rendered(model).model["services"]["web"]


def test_volumes_are_shared_by_name_between_releases() -> None:
    model = resolved(web={}) | {"volumes": {"media": {"name": "shop_media"}, "nfs": {"name": "nfs", "external": True}}}

    release = rendered(model)

    assert release.model["volumes"] == {
        "media": {"name": "shop-staging_media", "external": True},
        "nfs": {"name": "nfs", "external": True},
    }
    assert release.volumes == (Volume("shop-staging_media"),)
    assert release.external_volumes == {"nfs"}


def test_volumes_keep_their_driver_options_and_labels() -> None:
    nfs = {"driver": "local", "driver_opts": {"type": "nfs", "o": "addr=⟦HOST⟧"}, "labels": {"team": "x"}}

    release = rendered(resolved(web={}) | {"volumes": {"media": {"name": "shop_media", **nfs}}})

    assert release.volumes == (Volume("shop-staging_media", "local", nfs["driver_opts"], nfs["labels"]),)  # type: ignore[arg-type] # as it is


def test_labels_say_whose_it_is_and_win_over_the_files_own() -> None:
    labels = web(labels={"team": "x", "tagship.app": "another"})["labels"]

    assert labels == {
        "team": "x",
        "tagship.app": "shop",
        "tagship.environment": "staging",
        "tagship.sha": sha("a"),
        "tagship.release": NAME,
        "tagship.restart": "always",
    }


def test_logs_are_limited_unless_the_file_says_otherwise() -> None:
    assert web()["logging"] == render.LOGGING
    assert web(logging={"driver": "none"})["logging"] == {"driver": "none"}


def test_dollars_that_compose_escaped_stay_as_they_are() -> None:
    assert web(environment={"PRICE": "5$$"}, command=["echo", "$$HOME"])["environment"] == {"PRICE": "5$$"}


def test_a_config_given_as_a_file_travels_inline_with_its_dollars_escaped() -> None:
    model = resolved(web={"configs": [{"source": "nginx"}]}) | {
        "configs": {"nginx": {"name": "x", "file": "./nginx.conf"}}
    }

    release = rendered(model, {"./nginx.conf": "proxy_set_header Host $host;"})

    assert release.model["configs"] == {"nginx": {"content": "proxy_set_header Host $$host;"}}


def test_a_configs_content_is_escaped_already() -> None:
    model = resolved(web={}) | {"configs": {"c": {"name": "x", "content": "a$$b"}, "e": {"environment": "X"}}}

    assert rendered(model).model["configs"] == {"c": {"content": "a$$b"}, "e": {"environment": "X"}}


def test_a_secret_travels_by_environment_because_compose_takes_it_from_nowhere_else() -> None:
    model = resolved(web={}) | {
        "secrets": {"db": {"name": "x", "environment": "DB_PASSWORD"}, "api_key": {"file": "./k"}}
    }

    release = rendered(model)

    assert release.model["secrets"] == {
        "db": {"environment": "DB_PASSWORD"},
        "api_key": {"environment": markers.file_secret("api_key")},
    }
    assert markers.named(release.model) == {"DB_PASSWORD", "TAGSHIP_FILE_API_KEY"}


def test_secrets_given_as_files_never_share_a_variable() -> None:
    names = [markers.file_secret(key) for key in ("a_b", "a-b", "A_B", "a.b")]

    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize("source", ["./src", "src", "~/src", "../x"])
def test_a_mount_of_source_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match=r"Service web mounts .*, which the server doesn't have") as caught:
        web(volumes=[{"type": "bind", "source": source, "target": "/src"}])

    assert "overlay" in caught.value.hint


def test_a_mount_of_the_servers_own_is_kept() -> None:
    mounts = [{"type": "bind", "source": "/etc/ssl", "target": "/s"}, {"type": "volume", "source": "v", "target": "/v"}]

    assert web(volumes=mounts)["volumes"] == mounts


@pytest.mark.parametrize("settings", [{}, {"scale": 10}, {"deploy": {"replicas": 10}}])
def test_a_name_that_no_resolver_takes_is_refused(settings: Model) -> None:
    fits = 63 - len(f"{NAME}--{settings.get('scale') or settings.get('deploy', {}).get('replicas') or 1}")
    rendered(resolved(**{"a" * fits: settings}))

    with pytest.raises(ConfigError, match="is 64 characters long"):
        rendered(resolved(**{"a" * (fits + 1): settings}))


def test_every_problem_is_said_at_once() -> None:
    mount = [{"type": "bind", "source": "./src", "target": "/src"}]

    with pytest.raises(ConfigError) as caught:
        rendered(resolved(web={"volumes": mount}, **{"a" * 63: {}}))

    assert len(caught.value.problem.splitlines()) == 2


def test_selects_services_and_drops_dependencies_that_are_not_among_them() -> None:
    chosen = selection.select(
        sources(
            web={
                "build": {"context": "."},
                "depends_on": {"db": {"required": False}, "api": {"required": True}},
            },
            api={"image": "api", "ports": [{"target": 1}]},
            db={"image": "postgis"},
        ),
        ("api", "web"),
    )

    assert chosen.model["services"] == {
        "web": {"image": "built", "depends_on": {"api": {"required": True}}},
        "api": {"image": "api"},
    }


def test_selects_only_the_volumes_configs_and_secrets_that_are_used() -> None:
    every = sources(
        web={"image": "x", "volumes": ["media:/m", {"type": "volume", "source": "data"}], "configs": [{"source": "c"}]},
        db={"image": "x", "secrets": ["s"]},
    )
    model = {
        **every.model,
        "volumes": {"media": {}, "data": {}, "other": {}},
        "configs": {"c": {"content": ""}, "d": {"content": ""}},
        "secrets": {"s": {"environment": "S"}},
    }

    chosen = selection.select(Sources(model), ("web",)).model

    assert (set(chosen["volumes"]), set(chosen["configs"]), set(chosen["secrets"])) == ({"media", "data"}, {"c"}, set())


def test_a_file_that_the_commit_lacks_is_refused_where_it_is_needed() -> None:
    every = sources(web={"env_file": [{"path": ".env", "required": True}]}, db={"env_file": [{"path": ".env.db"}]})

    with pytest.raises(ConfigError, match=r"names \.env, which the commit lacks"):
        selection.select(every, ("web",))


def test_a_config_that_the_commit_lacks_is_refused_where_it_is_used() -> None:
    model = {
        "services": {"web": {"configs": [{"source": "nginx"}]}, "db": {}},
        "configs": {"nginx": {"file": "nginx.conf"}, "unused": {"file": "unused.conf"}},
    }

    with pytest.raises(ConfigError, match=r"names nginx\.conf, which"):
        selection.select(Sources(model), ("web",))
    assert selection.select(Sources(model, {"nginx.conf": "x"}), ("web",)).files == {"nginx.conf": "x"}
    assert selection.select(Sources(model), ("db",)).files == {}


def test_a_file_that_is_not_required_may_be_missing() -> None:
    every = sources(web={"env_file": [{"path": ".env.local", "required": False}]})

    assert selection.select(every, ("web",)).files == {}


def test_keeps_the_files_of_the_services_it_selects_and_no_others() -> None:
    every = sources(
        {".env": "A=1", ".env.db": "B=2", "nginx.conf": "x"},
        web={"env_file": [{"path": ".env", "required": False}]},
        db={"env_file": [{"path": ".env.db"}]},
    )

    assert selection.select(every, ("web",)).files == {".env": "A=1"}


def test_building_needs_no_runtime_variable() -> None:
    every = sources(
        web={"build": {"args": {"V": "${VERSION}"}}, "environment": {"P": "${PASSWORD:?}"}}, db={"image": "x"}
    )

    assert set(references.of(selection.build_part(every).model, {})) == {"VERSION"}


def test_building_keeps_the_secrets_it_uses() -> None:
    every = sources(web={"build": {"secrets": [{"source": "npm"}]}})
    model = {**every.model, "secrets": {"npm": {"environment": "NPM_TOKEN"}, "db": {"environment": "DB"}}}

    assert selection.build_part(Sources(model)).model["secrets"] == {"npm": {"environment": "NPM_TOKEN"}}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_filled_secret_is_one_value_to_compose_whatever_is_in_it(value: str) -> None:
    filled = markers.fill({"a": ["x⟦S⟧y"]}, {"S": Secret(value), "OTHER": Secret("never")})

    assert filled == {"a": [f"x{value}y".replace("$", "$$")]}


def test_names_are_not_filled_and_unknown_secrets_stay_names() -> None:
    assert markers.fill({"⟦S⟧": "⟦T⟧", "n": 1}, {"S": Secret("v")}) == {"⟦S⟧": "⟦T⟧", "n": 1}


def test_a_rendered_release_holds_its_secrets_by_name() -> None:
    release = rendered(resolved(web={"environment": {"URL": "pg://u:⟦DB_PASSWORD⟧@db"}, "command": ["⟦päss⟧"]}))

    assert release.secrets == {"DB_PASSWORD"}
    assert "⟦DB_PASSWORD⟧" in repr(release)


def configured(**changed: Any) -> str:  # noqa: ANN401 - one of the parts
    """A configuration's hash, one part of it changed."""
    parts: dict[str, Any] = {
        "key": b"k",
        "model": {"a": 1},
        "files": {"f": "x"},
        "images": {"web": "i"},
        "secrets": {"S": Secret("v")},
    }
    return identity.configuration(**parts | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"key": b"other"},
        {"model": {"a": 2}},
        {"files": {"f": "y"}},
        {"images": {"web": "j"}},
        {"secrets": {"S": Secret("rotated")}},
    ],
)
def test_a_configuration_is_another_when_any_part_of_it_is(changed: dict[str, Any]) -> None:
    assert configured(**changed) != configured()


def test_a_configuration_does_not_depend_on_the_order_things_are_written_in() -> None:
    assert configured(model={"a": 1, "b": 2}) == configured(model={"b": 2, "a": 1})


def test_probes_are_quick_while_starting_where_the_engine_knows_of_it() -> None:
    model = resolved(web={"healthcheck": {"test": ["CMD", "x"], "interval": "30s", "start_period": "5s"}}, db={})

    assert quirks.adapt(model, (1, 44))["services"]["web"]["healthcheck"] == {
        "test": ["CMD", "x"],
        "interval": "30s",
        "start_interval": "250ms",
        "start_period": "300s",
    }
    # an image's own check is probed as often
    assert quirks.adapt(model, (1, 44))["services"]["db"]["healthcheck"] == {
        "start_interval": "250ms",
        "start_period": "300s",
    }
    assert "healthcheck" not in quirks.adapt(model, (1, 43))["services"]["db"]


def test_an_engine_that_would_refuse_start_interval_never_sees_it() -> None:
    model = resolved(web={"healthcheck": {"test": ["CMD", "x"], "start_interval": "1s"}})

    assert quirks.adapt(model, (1, 43))["services"]["web"]["healthcheck"] == {"test": ["CMD", "x"]}


def test_the_files_own_start_interval_wins() -> None:
    model = resolved(web={"healthcheck": {"test": ["CMD", "x"], "start_interval": "1s"}})

    assert quirks.adapt(model, (1, 51))["services"]["web"]["healthcheck"]["start_interval"] == "1s"


def test_accessories_live_on_the_environments_network_under_their_own_names() -> None:
    model = resolved(db={"restart": "always", "ports": [{"target": 5432}]}) | {"volumes": {"pg": {"name": "shop_pg"}}}

    project = render.render_accessories(PLACE, model, {})

    assert project["name"] == "shop-staging-accessories"
    assert project["networks"] == {"default": {"name": "shop-staging", "external": True}}
    assert project["volumes"] == {"pg": {"name": "shop-staging_pg", "external": True}}
    assert project["services"]["db"] == {
        "image": "built",
        "networks": {"default": None},
        "restart": "always",
        "logging": render.LOGGING,
        "labels": {
            "tagship.app": "shop",
            "tagship.environment": "staging",
            "tagship.accessory": "true",
            "tagship.restart": "always",
        },
    }


def test_an_accessory_that_ends_by_itself_does_not_start_with_its_engine() -> None:
    model = resolved(db={"depends_on": {"init": {"condition": "service_completed_successfully"}}}, init={})

    services = render.render_accessories(PLACE, model, {})["services"]

    assert (services["db"]["restart"], services["init"]["restart"]) == ("always", "no")


def test_rendering_changes_nothing_it_was_given() -> None:
    model = resolved(web={"environment": {"A": "⟦S⟧"}, "ports": [1]})
    before = json.dumps(model)

    first = rendered(model)
    quirks.adapt(markers.fill(model, {"S": Secret("v")}), (1, 51))

    assert json.dumps(model) == before
    assert dataclasses.replace(first) == rendered(model)


def test_sentrys_sdks_are_told_release_and_environment_by_their_own_names() -> None:
    told = resolve.sentry_variables(PLACE, "c" * 40)

    assert told == {"SENTRY_RELEASE": f"{PLACE.app}@{'c' * 40}", "SENTRY_ENVIRONMENT": PLACE.environment}


def test_variables_are_added_to_every_service_and_its_own_win() -> None:
    model = {"services": {"web": {"environment": {"A": "own"}}, "worker": {}}}

    added = resolve.with_environment(model, {"A": "x", "B": "y"})

    assert added["services"]["web"]["environment"] == {"A": "own", "B": "y"}
    assert added["services"]["worker"]["environment"] == {"A": "x", "B": "y"}
    assert model["services"]["worker"] == {}
