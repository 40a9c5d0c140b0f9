"""What in a Compose file can't run on a server, or is risky there."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tagship.errors import ConfigError
from tagship.names import Version
from tagship.release import findings
from tagship.release.model import Shape
from tests.fakes.builders import PLACE, WEB, sha

BIND = {"type": "bind", "target": "/x"}


def found(settings: Mapping[str, Any], *, routes: bool = False, allow: Sequence[str] = ()) -> list[str]:
    """The findings about `web`, with a route if told so."""
    shape = Shape(("web",), WEB if routes else ())
    model = {"services": {"web": settings}}
    return findings.of(PLACE, Version(sha("a")), model, shape, services=shape.services, allow=allow)


@pytest.mark.parametrize(
    ("settings", "key", "said"),
    [
        ({"volumes": [{**BIND, "source": "/var/run/docker.sock"}]}, "web:docker.sock", "controls the server"),
        ({"volumes": [{**BIND, "source": "/srv/data"}]}, "web:/srv/data", "/srv/data of the server"),
        ({"privileged": True}, "web:privileged", "root on the server"),
        ({"devices": ["/dev/x:/dev/x"]}, "web:devices", "devices"),
        ({"network_mode": "host"}, "web:network_mode", "its ports are open"),
        ({"pid": "host"}, "web:pid", "every process of the server"),
        ({"ipc": "host"}, "web:ipc", "memory"),
        ({"userns_mode": "host"}, "web:userns_mode", "root included"),
        ({"cap_add": ["NET_BIND_SERVICE", "CAP_SYS_ADMIN"]}, "web:cap_add", "capability SYS_ADMIN:"),
        ({"security_opt": ["no-new-privileges:true", "seccomp=unconfined"]}, "web:security_opt", "seccomp=unconfined:"),
        ({"post_start": [{"command": ["x"]}]}, "web:post_start", "doesn't run"),
        ({"pre_stop": [{"command": ["x"]}]}, "web:pre_stop", "doesn't run"),
    ],
)
def test_what_is_risky_is_said_with_what_it_means_and_can_be_taken(
    settings: Mapping[str, Any], key: str, said: str
) -> None:
    (line,) = found(settings)

    assert said in line
    assert f'allow: ["{key}"]' in line
    assert found(settings, allow=[key]) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"volumes": [{**BIND, "source": "./src"}]}, "mounts ./src, which the server doesn't have"),
        ({"network_mode": "host"}, "the edge can't reach it"),
        ({"scale": 0}, "no container to answer it"),
        ({"deploy": {"replicas": 0}}, "no container to answer it"),
        ({"healthcheck": {"disable": True}}, "healthcheck is disabled"),
        ({"healthcheck": {"test": ["NONE"]}}, "healthcheck is disabled"),
    ],
)
def test_what_can_not_run_is_said_and_can_not_be_taken(settings: Mapping[str, Any], said: str) -> None:
    (line,) = found(settings, routes=True)

    assert said in line
    assert "allow" not in line


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"volumes": [{"type": "volume", "source": "media"}, "old:/style"]},
        {"volumes": [{**BIND, "source": "/etc/localtime", "read_only": True}]},
        {"volumes": [{**BIND, "source": "${DATA:-./data}"}]},
        {"pid": "service:other", "cap_add": ["NET_BIND_SERVICE"], "security_opt": ["no-new-privileges:true"]},
        {"privileged": False, "network_mode": "none", "deploy": {"replicas": "${N}"}},
    ],
)
def test_nothing_is_said_of_what_is_well_or_not_yet_known(settings: Mapping[str, Any]) -> None:
    assert found(settings) == []


def test_a_name_too_long_says_whose_and_by_how_much() -> None:
    name = "w" * 50
    shape = Shape((name,))

    (line,) = findings.of(PLACE, Version(sha("a")), {"services": {name: {}}}, shape, services=shape.services, allow=())

    assert line.startswith(f"Service {name}: its container's name shop-staging-aaaaaaaa-000000-{name}-1 is ")
    assert line.endswith("Shorten the name of the service, app or environment by 18.")


SERVICES: dict[str, Any] = {
    "web": {"build": ".", "depends_on": {"redis": {"required": True}, "tools": {"required": False}}},
    "db": {"image": "postgis"},
    "redis": {"image": "redis", "profiles": ["full"]},
    "mail": {"image": "mailpit"},
    "tools": {"build": ".", "profiles": ["tools"]},
}
SHAPE = Shape(("web",), accessories=("db",))


def test_a_service_that_nobody_placed_names_both_choices() -> None:
    redis, mail = findings.unplaced({"services": SERVICES}, SHAPE, ["x"])

    assert redis.startswith("Service redis isn't in tagship.yml, and web depends on it: ")
    assert mail.startswith("Service mail isn't in tagship.yml: ")
    assert "release.accessories" in mail
    assert "release.services" in mail
    assert findings.unplaced({"services": SERVICES}, SHAPE, ["mail:unplaced", "redis:unplaced"]) == []


def test_what_is_left_out_by_rule_is_said_once_a_kind() -> None:
    web = {
        "ports": [{"target": 8000}, {"target": 9000}],
        "networks": {"default": None, "front": None, "proxy": None},
        "container_name": "web",
    }

    said = findings.dropped({"services": {**SERVICES, "web": web}}, Shape(("web",), WEB, ("db",)))

    assert [line.partition("): ")[0] for line in said] == [
        "Left out: published ports without a route (web 9000",
        "Left out: networks (front, proxy",
        "Left out: container_name (web",
        "Left out: services of profiles (redis, tools",
    ]
    assert findings.dropped({"services": {"web": {}}}, Shape(("web",))) == []


def test_what_writes_to_a_volume_while_two_of_it_run_is_said() -> None:
    volume = {"type": "volume", "source": "data", "target": "/data"}
    anonymous = {"type": "volume", "target": "/x", "volume": {}}
    web: dict[str, Any] = {"volumes": [volume, {**BIND, "source": "/x"}, anonymous, "${SHORT}:/x"]}

    def said(settings: Mapping[str, Any], singletons: tuple[str, ...] = ()) -> list[str]:
        return findings.overlapping({"services": {"web": settings}}, Shape(("web",), WEB, singletons=singletons))

    (line,) = said(web)
    assert line.startswith("web writes to data and runs twice until the cutover: ")
    assert said(web, ("web",)) == said(web | {"volumes": [volume | {"read_only": True}]}) == []
    assert said(web | {"deploy": {"replicas": 2}}) == []


def test_all_is_refused_at_once_and_each_line_only_once() -> None:
    findings.refuse([])

    with pytest.raises(ConfigError) as caught:
        findings.refuse(["a", "b", "a"])

    assert caught.value.problem == "a\nb"


def test_a_named_volume_that_is_a_folder_of_the_servers_own_is_one() -> None:
    volumes = {"all": {"driver_opts": {"type": "none", "o": "ro,bind", "device": "/"}}, "media": None}
    mounts = [{"type": "volume", "source": name, "target": f"/{name}"} for name in volumes]
    model = {"services": {"web": {"volumes": mounts}}, "volumes": volumes}

    (said,) = findings.of(PLACE, Version(sha("a")), model, Shape(("web",)), services=["web"], allow=())

    assert "mounts / of the server:" in said


def test_an_accepted_risk_that_names_nothing_is_a_slip_of_the_pen() -> None:
    model: dict[str, Any] = {"services": {"web": {}}}

    fine = ["web:privileged", "web:/srv/data", "web:docker.sock", "web:pid", "web:pre_stop", "web:unplaced"]
    assert findings.pointless(model, fine) == []
    assert ["web:previleged" in line for line in findings.pointless(model, ["web:previleged"])] == [True]
    assert ["names no service" in line for line in findings.pointless(model, ["wbe:privileged", "web"])] == [
        True,
        False,
    ]
