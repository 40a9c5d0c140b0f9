"""How Compose reads an app's file, our requests, and what we render."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tagship.deploy.observed import Observed
from tagship.deploy.rollout import Patience, plan_rollout
from tagship.engine import quirks
from tagship.errors import ConfigError
from tagship.images import commit as images
from tagship.names import Version
from tagship.project.schema import Environment
from tagship.release import markers, selection
from tagship.release.model import Record, Release, Rendered, Shape, Sources, Volume
from tagship.secret import Secret
from tagship.source import checkout, compose_file
from tagship.variables import resolve as configured
from tagship.variables import running
from tagship.variables.resolve import Resolution
from tests.fakes.builders import sha
from tests.fakes.repositories import Repository

HOSTILE = {
    "DOLLAR": "a$HOME$$b${X:-y}",
    "QUOTES": 'it\'s "quoted" \\ back`slash`',
    "LINES": "-----BEGIN-----\nline two\n-----END-----\n",
    "UNICODE": "пароль ⟦DOLLAR⟧ 🔑",
    "YAML": "{a: [b, *c]} # no comment",
    "CONTROL": "\t\r\n\x01\x7f\x85\u2028\ufeff\\ud83d\\udd11",
}
IMAGES = {"web": f"registry.example/web@sha256:{'1' * 64}"}
WEB = {"image": "x"}


def sources(folder: Path, *files: Mapping[str, Any], committed: Mapping[str, str] | None = None) -> Sources:
    """What Compose reads of an app's files, JSON being YAML, and of the other files of its commit."""
    names = [f"compose{number}.yml" for number, _ in enumerate(files)]
    for name, file in zip(names, files, strict=True):
        (folder / name).write_text(json.dumps({"name": "shop", **file}))
    for name, text in (committed or {}).items():
        if text:
            (folder / name).write_text(text)
    return compose_file.sources(tuple(names), folder, lambda: frozenset(committed or {}), "shop")


def resolve(folder: Path, found: Sources, services: tuple[str, ...] = ("web",), **settings: object) -> Resolution:
    """Those services with the environment's values in them."""
    environment = Environment.model_validate(
        {"name": "staging", "app": "shop", "engine": "local", "url": "https://shop.example.com", **settings}
    )
    return configured.of_services(environment, found, services, sha("a"), folder)


def rendered(resolved: Resolution, shape: Shape | None = None) -> Rendered:
    """The release's Compose project."""
    return resolved.rendered(Release(Version(sha("a")), IMAGES, Sources({}), shape or Shape(("web",))), b"key")


def read_back(release: Rendered, secrets: Mapping[str, Secret]) -> dict[str, Any]:
    """What Compose makes of a rendered release, every value as a container would see it."""
    filled = markers.fill(quirks.adapt(release.model, (1, 51)), secrets)
    environment = {name: secrets[name].reveal() for name in markers.named(release.model)}

    def unescape(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {key: unescape(item) for key, item in value.items()}
        if isinstance(value, list):
            return [unescape(item) for item in value]
        return value.replace("$$", "$") if isinstance(value, str) else value

    found: dict[str, Any] = unescape(compose_file.interpolate(Sources(filled), environment))
    return found


def test_a_secret_arrives_as_it_is_whatever_is_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    found = sources(folder, {"services": {"web": {**WEB, "environment": {name: f"<${{{name}}}>" for name in HOSTILE}}}})

    resolved = resolve(folder, found)
    service = read_back(rendered(resolved), resolved.secrets)["services"]["web"]

    assert service["environment"] == {name: f"<{value}>" for name, value in HOSTILE.items()}


EMPTY = {
    "${S}": "",
    "${S-x}": "",
    "${S:-x}": "x",
    "${S+x}": "x",
    "${S:+x}": "",
    "${S?}": "",
    "a${S:-${OTHER:-y}}b": "ayb",
}


@pytest.mark.parametrize("variables", ["vars", ()], ids=["variable", "secret"])
def test_what_is_empty_counts_as_not_set_with_a_colon_and_only_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variables: object
) -> None:
    monkeypatch.setenv("S", "")
    (folder / "vars").write_text("S=\n")
    environment = {f"N{number}": text for number, text in enumerate(EMPTY)}
    found = sources(
        folder,
        {
            "services": {"web": {**WEB, "environment": environment, "secrets": ["s"]}},
            "secrets": {"s": {"environment": "S"}},
        },
    )

    resolved = resolve(folder, found, variables=variables)

    made = read_back(rendered(resolved), resolved.secrets)["services"]["web"]["environment"]
    assert list(made.values()) == list(EMPTY.values())
    assert resolved.secrets == {"S": Secret("")}


def test_what_must_not_be_empty_is_missing_when_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S", "")
    (folder / "vars").write_text("V=\n")
    found = sources(folder, {"services": {"web": {**WEB, "environment": {"A": "${S:?}", "B": "${V:?}", "C": "$M"}}}})

    with pytest.raises(ConfigError, match="no value for M, which") as caught:
        resolve(folder, found, variables="vars")

    assert "S, V is empty in staging" in caught.value.problem


def test_no_value_of_a_secret_is_in_anything_that_may_be_printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "s3cr3t")
    (folder / "token.txt").write_text("t0k3n")
    found = sources(
        folder,
        {
            "services": {
                "web": {**WEB, "environment": ["PASSWORD", "URL=pg://${PASSWORD:?}@db"], "secrets": ["p", "t"]}
            },
            "secrets": {"p": {"environment": "PASSWORD"}, "t": {"file": "token.txt"}},
        },
    )

    resolved = resolve(folder, found)
    release = rendered(resolved)
    plan = plan_rollout(release, Observed(), Patience())

    assert set(resolved.secrets.values()) == {Secret("s3cr3t"), Secret("t0k3n")}
    for text in (repr(release), "\n".join(map(str, plan)), repr(plan), repr(found)):
        assert "s3cr3t" not in text
        assert "t0k3n" not in text


def test_an_error_shows_no_value_of_a_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "s3cr3t")
    found = sources(folder, {"services": {"web": {**WEB, "mem_limit": "${PORT}", "cpus": "${PORT}"}}})

    with pytest.raises(ConfigError) as caught:
        rendered(resolve(folder, found))

    assert "s3cr3t" not in f"{caught.value!r} {caught.value}"


def test_a_variable_of_a_file_arrives_as_it_is(folder: Path) -> None:
    (folder / ".env.staging").write_text("A='a$HOME$$b'\nB=\"c # d\"\n")
    found = sources(folder, {"services": {"web": {**WEB, "environment": {"A": "${A}", "B": "${B:-x}", "C": "$$A"}}}})

    resolved = resolve(folder, found, variables=".env.staging")
    service = read_back(rendered(resolved), {})["services"]["web"]

    assert service["environment"] == {"A": "a$HOME$$b", "B": "c # d", "C": "$A"}


def test_the_deployers_own_shell_and_env_file_are_not_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("COLOR=blue\nCOMPOSE_PROFILES=x\n")
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "another")
    monkeypatch.setenv("COMPOSE_FILE", "another.yml")
    found = sources(folder, {"services": {"web": {**WEB, "environment": {"COLOR": "${COLOR:-none}"}}}})

    assert found.model["name"] == "shop"
    assert resolve(folder, found, secrets="env://NONE_").model["services"]["web"]["environment"] == {"COLOR": "none"}


def test_every_variable_that_nothing_gives_a_value_is_named_at_once(folder: Path) -> None:
    environment = {"A": "${MISSING_A:?say so}", "B": "$MISSING_B", "C": "${GIVEN:-x}", "D": "${TAGSHIP_SHA:?}"}
    found = sources(
        folder,
        {"services": {"web": {**WEB, "environment": environment, "env_file": ".env.web"}}},
        committed={".env.web": "URL=http://${MISSING_C}/\n"},
    )

    with pytest.raises(ConfigError, match="staging has no value for MISSING_A, MISSING_B, MISSING_C, which"):
        resolve(folder, found)


def test_env_files_are_interpolated_and_become_the_services_environment(folder: Path) -> None:
    (folder / "vars").write_text("HOST=db.example.com\n")
    found = sources(
        folder,
        {"services": {"web": {**WEB, "env_file": [{"path": ".env.web"}, {"path": ".env.local", "required": False}]}}},
        committed={".env.web": "URL=pg://${HOST}/x\nPRICE='5$'\n"},
    )

    release = rendered(resolve(folder, found, variables="vars"))

    assert "env_file" not in release.model["services"]["web"]
    assert read_back(release, {})["services"]["web"]["environment"] == {"URL": "pg://db.example.com/x", "PRICE": "5$"}


def test_a_file_that_is_not_in_the_commit_is_not_read(folder: Path) -> None:
    (folder / ".env.web").write_text("PASSWORD=s3cr3t\n")
    found = sources(folder, {"services": {"web": {**WEB, "env_file": ".env.web"}}})

    assert "s3cr3t" not in repr(found)
    with pytest.raises(ConfigError, match=r"names \.env\.web, which the commit lacks"):
        resolve(folder, found)


def test_a_file_that_is_no_text_is_refused_by_name(folder: Path) -> None:
    (folder / "key.bin").write_bytes(b"\xff\x00")
    web = {"services": {"web": {**WEB, "configs": ["c"]}}, "configs": {"c": {"file": "key.bin"}}}
    with pytest.raises(ConfigError, match=r"names key\.bin, which isn't text"):
        sources(folder, web, committed={"key.bin": ""})

    secret = {"services": {"web": {**WEB, "secrets": ["s"]}}, "secrets": {"s": {"file": "key.bin"}}}
    with pytest.raises(ConfigError, match="A secret's file isn't text"):
        resolve(folder, sources(folder, secret))


def test_a_config_given_as_a_file_keeps_its_dollars(folder: Path) -> None:
    nginx = "proxy_set_header Host $host;\nreturn 200 '$$ ${x} \\'';\n"
    found = sources(
        folder,
        {
            "services": {"web": {**WEB, "configs": [{"source": "nginx", "target": "/etc/nginx.conf"}]}},
            "configs": {"nginx": {"file": "nginx.conf"}, "unused": {"file": "not-there.conf"}},
        },
        committed={"nginx.conf": nginx},
    )

    made = read_back(rendered(resolve(folder, found)), {})

    assert made["configs"]["nginx"]["content"] == nginx


@pytest.mark.parametrize("empty", [[], "", "${NOTHING:-}"])
def test_an_entrypoint_or_command_that_the_file_clears_stays_cleared(folder: Path, empty: object) -> None:
    found = sources(folder, {"services": {"web": {**WEB, "entrypoint": empty, "command": empty}}})

    service = rendered(resolve(folder, found)).model["services"]["web"]

    assert (service["entrypoint"], service["command"]) == ([], [])


def test_an_entrypoint_or_command_that_the_file_leaves_to_the_image_stays_the_images(folder: Path) -> None:
    found = sources(folder, {"services": {"web": {**WEB, "entrypoint": None}}})

    service = rendered(resolve(folder, found)).model["services"]["web"]

    assert (service.get("entrypoint"), service.get("command")) == (None, None)


def test_what_looks_like_something_else_than_text_is_read_as_compose_prints_it(folder: Path) -> None:
    texts = [
        "yes",
        "2020-01-01",
        "1:30",
        "010",
        "0x1f",
        "1_000",
        "1e3",
        "=",
        "<<",
        "~",
        "null",
        "true",
        ".5",
        "",
        "- a",
    ]
    found = sources(
        folder,
        {"services": {"web": {**WEB, "command": texts, "environment": {"A": "a: b #c", "N": 1.5}, "init": True}}},
    )

    service = found.model["services"]["web"]
    assert (service["command"], service["environment"], service["init"]) == (texts, {"A": "a: b #c", "N": 1.5}, True)


def test_one_commit_has_one_name_wherever_it_is_read_and_whatever_its_folder_is_called(
    tmp_path: Path,
) -> None:
    (tmp_path / "app").mkdir()
    repository = Repository(tmp_path / "app")
    service = {
        "image": "x",
        "environment": {"NAME": "${COMPOSE_PROJECT_NAME:-}"},
        "volumes": ["media:/media"],
        "env_file": ".env.web",
        "configs": ["conf"],
    }
    conf = {"conf": {"file": "./conf.txt"}}
    file = {"services": {"web": service}, "volumes": {"media": None}, "configs": conf, "networks": {"front": None}}
    repository.write("compose.yml", json.dumps(file))
    repository.write(".gitattributes", "conf.txt export-subst\n.env.web export-ignore\n")
    repository.write("conf.txt", "$Format:%H$\n")
    repository.write(".env.web", "A=1\n")
    version = Version(repository.commit())
    clone = tmp_path / "another"
    repository.run("clone", "-q", str(repository.folder), str(clone))
    settings = Environment.model_validate(
        {"name": "staging", "app": "shop", "engine": "local", "url": "http://localhost", "compose": "compose.yml"}
    )

    names = set()
    for folder, edit in ((repository.folder, ""), (clone, ""), (clone, "an edit")):
        (folder / "app.py").write_text(edit or "print(1)\n")
        with checkout.checkout(version, folder) as files:
            found = images.of(settings, version, files, repository=folder)
        names.add(rendered(resolve(folder, found.sources)).name)

    assert len(names) == 1


def test_files_are_merged_in_their_order(folder: Path) -> None:
    first = {"services": {"web": {"image": "x", "command": "one", "environment": {"A": "1", "B": "1"}}}}
    second = {"services": {"web": {"command": "two", "environment": {"B": "2"}}}}

    service = resolve(folder, sources(folder, first, second)).model["services"]["web"]

    assert service["command"] == ["two"]
    assert service["environment"] == {"A": "1", "B": "2"}


def test_compose_takes_a_release_whatever_it_says_of_networks_and_dependencies(folder: Path) -> None:
    web = {
        "build": ".",
        "depends_on": {
            "db": {"condition": "service_healthy"},
            "api": {"condition": "service_started", "required": False},
        },
        "networks": {"front": {"aliases": ["www"]}, "default": None},
        "ports": ["8000:8000"],
        "container_name": "web",
        "restart": "always",
        "profiles": ["full"],
        "volumes": ["media:/media", "/cache", {"type": "tmpfs", "target": "/tmp"}],  # noqa: S108 - in a container
        "healthcheck": {"test": "true", "interval": "30s"},
    }
    found = sources(
        folder,
        {
            "services": {"web": web, "api": {"build": "."}, "db": {"image": "postgis", "volumes": ["pg:/var/lib"]}},
            "networks": {"front": None},
            "volumes": {"media": None, "pg": None},
        },
    )

    release = rendered(resolve(folder, found))
    made = read_back(release, {})

    service = made["services"]["web"]
    assert service["image"] == IMAGES["web"]
    assert (service["restart"], service["labels"]["tagship.restart"]) == ("no", "always")
    assert service["networks"] == {"default": {"aliases": ["www"]}}
    assert service["healthcheck"]["start_interval"] == "250ms"
    assert {"ports", "container_name", "profiles", "build", "depends_on"}.isdisjoint(service)
    assert made["networks"]["default"] == {"name": release.name, "external": True, "ipam": {}}
    assert made["volumes"] == {"media": {"name": "shop-staging_media", "external": True}}
    assert release.volumes == (Volume("shop-staging_media"),)


@pytest.mark.parametrize("mount", ["./src:/src", "~/src:/src", {"type": "bind", "source": "../x", "target": "/x"}])
def test_a_mount_of_source_is_refused_however_it_is_written(folder: Path, mount: object) -> None:
    found = sources(folder, {"services": {"web": {**WEB, "volumes": [mount]}}})

    with pytest.raises(ConfigError, match="Service web mounts"):
        rendered(resolve(folder, found))


@pytest.mark.parametrize(
    ("settings", "count"),
    [({"scale": 3}, 3), ({"deploy": {"replicas": 2}}, 2), ({"deploy": {"mode": "replicated"}}, 1)],
)
def test_replicas_are_counted_as_compose_makes_them(folder: Path, settings: Mapping[str, Any], count: int) -> None:
    assert (
        rendered(resolve(folder, sources(folder, {"services": {"web": {**WEB, **settings}}}))).replicas("web") == count
    )


def test_building_needs_no_runtime_variable(folder: Path) -> None:
    found = sources(
        folder,
        {
            "services": {
                "web": {
                    "build": {"context": ".", "args": {"VERSION": "${TAGSHIP_SHA:-dev}"}},
                    "environment": {"PASSWORD": "${PASSWORD:?}"},
                }
            }
        },
    )

    built = compose_file.interpolate(selection.build_part(found), {"TAGSHIP_SHA": sha("a")})

    assert built["services"]["web"]["build"]["args"] == {"VERSION": sha("a")}


def test_a_file_outside_the_project_is_refused(folder: Path) -> None:
    outside = Sources({"name": "shop", "services": {"web": WEB}}, {"../../etc/passwd": "x"})

    with pytest.raises(ConfigError, match="outside the project"):
        compose_file.interpolate(outside, {})

    assert not (folder.parent.parent / "etc").exists()


def test_a_file_without_services_is_a_mistake(folder: Path) -> None:
    with pytest.raises(ConfigError):
        sources(folder, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [("services: [", "did not find expected node"), ("services: {web: {imag: x}}", "services.web.imag")],
)
def test_a_file_that_compose_refuses_is_a_mistake_in_a_line_of_it(folder: Path, text: str, said: str) -> None:
    (folder / "broken.yml").write_text(text)

    with pytest.raises(ConfigError, match=rf"^broken\.yml:1: {said}"):
        compose_file.sources(("broken.yml",), folder, frozenset, "shop")


def runs(folder: Path, key: bytes, file: Mapping[str, Any], settings: Mapping[str, Any]) -> Record:
    """The record of a release that was made of this Compose file and these settings."""
    found = sources(folder, file, committed={"app.env": "FILED=1\nBOTH=file\n"})
    resolved = resolve(folder, found, **settings)
    return resolved.rendered(Release(Version(sha("a")), IMAGES, found, Shape(("web",))), key).record


def test_every_variable_of_a_release_has_its_origin_and_what_changed_but_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_by_compose = {
        "URL": "postgres://app:${PASSWORD}@db/",
        "LEVEL": "${LEVEL:-info}",
        "BOTH": "here",
        "API_KEY": "x",
    }
    web = {**WEB, "env_file": ["app.env"], "environment": {**set_by_compose, "HOSTS": "${HOSTS}"}, "secrets": ["cert"]}
    file = {"services": {"web": web}, "secrets": {"cert": {"file": "cert.pem"}}}
    settings = {"variables": ".env.staging", "secrets": "env://"}
    (tmp_path / "cert.pem").write_text("a certificate")
    (tmp_path / ".env.staging").write_text("HOSTS=a\n")
    monkeypatch.setenv("PASSWORD", "correct-horse")
    before = runs(tmp_path, b"key", file, settings)
    (tmp_path / ".env.staging").write_text("HOSTS=a,b\nLEVEL=debug\n")
    monkeypatch.setenv("PASSWORD", "battery-staple")
    now = runs(tmp_path, b"key", file, settings)
    environment = Environment.model_validate({
        "name": "staging", "app": "shop", "engine": "local", "url": "https://shop.example.com", **settings
    })  # fmt: skip

    found = running.of(environment, b"key", ("now", now), ("before", before)).variables

    assert {each.name: (each.origin, each.value, each.change, each.before) for each in found} == {
        "HOSTS": (".env.staging", "a,b", "changed", "a"),
        "LEVEL": (".env.staging", "debug", "changed", "info"),
        "FILED": ("app.env", "1", "", None),
        "cert": ("cert.pem", None, "", None),
        "PASSWORD": ("env://", None, "changed", None),
        "URL": ("the Compose file", "postgres://app:⟦PASSWORD⟧@db/", "changed", "postgres://app:⟦PASSWORD⟧@db/"),
        "BOTH": ("the Compose file", "here", "", None),
        "API_KEY": ("the Compose file", None, "", None),
    }
