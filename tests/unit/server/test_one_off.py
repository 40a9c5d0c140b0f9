"""A one-off made like a service's container."""

from collections.abc import Iterator
from threading import Event
from typing import Any

from tagship.engine.client import Engine
from tagship.names import RUN_BY, Place
from tagship.release.model import Sources
from tagship.server import one_off
from tagship.system.parallel import ahead
from tests.fakes.servers import Answer, Request, Server
from tests.unit.engine.test_containers import container

FOUND: dict[str, Any] = {
    "Image": "sha256:1",
    "Config": {
        "Hostname": "abc",
        "Env": ["A=1"],
        "Cmd": ["serve"],
        "Entrypoint": ["/entry"],
        "Healthcheck": {"Test": ["CMD", "true"]},
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {
            "com.docker.compose.project": "shop-staging-aaaaaaaa-c0ffee",
            "com.docker.compose.service": "web",
            "com.docker.compose.container-number": "2",
            "com.docker.compose.oneoff": "False",
        },
    },
    "HostConfig": {
        "NetworkMode": "shop-staging-aaaaaaaa-c0ffee",
        "PortBindings": {"80/tcp": [{"HostPort": "8080"}]},
        "RestartPolicy": {"Name": "always"},
        "Binds": ["shop-staging_media:/media"],
        "Memory": 5,
    },
    "NetworkSettings": {"Networks": {"shop-staging-aaaaaaaa-c0ffee": {}, "shop-staging": {}, "0-tagship": {}}},
}


def made(**how: bool) -> dict[str, Any]:
    """What would be created."""
    given = {"tty": False, "stdin": True, **how}
    return one_off.wanted_container(FOUND, ["migrate", "a b"], {"AutoRemove": True}, who="ann", **given)


def test_it_has_the_image_variables_volumes_and_limits_of_the_live_one() -> None:
    wanted = made()

    assert (wanted["Image"], wanted["Env"], wanted["Entrypoint"]) == ("sha256:1", ["A=1"], ["/entry"])
    assert wanted["Cmd"] == ["migrate", "a b"]
    host = wanted["HostConfig"]
    assert (host["Binds"], host["Memory"], host["AutoRemove"]) == (["shop-staging_media:/media"], 5, True)


def test_it_takes_nothing_that_only_one_container_can_have() -> None:
    wanted = made()

    assert {"Hostname", "ExposedPorts"} & wanted.keys() == set()
    assert wanted["Healthcheck"] == {"Test": ["NONE"]}
    assert wanted["HostConfig"]["PortBindings"] == {}
    assert wanted["HostConfig"]["RestartPolicy"] == {"Name": "no"}


def test_it_is_a_one_off_that_no_deploy_counts() -> None:
    labels = made()["Labels"]

    assert labels["com.docker.compose.oneoff"] == "True"
    assert labels[RUN_BY] == "ann"
    assert "com.docker.compose.container-number" not in labels


def test_it_joins_the_releases_and_the_environments_network_but_not_the_edges() -> None:
    assert one_off.others(FOUND, "shop-staging-aaaaaaaa-c0ffee") == ["shop-staging"]


def test_it_gets_the_configs_and_secrets_that_compose_copied_into_the_other() -> None:
    uses = {
        "configs": [{"source": "conf"}, {"source": "x", "target": "/etc/x"}],
        "secrets": [{"source": "key"}, {"source": "k", "target": "/k"}, {"source": "y", "target": "why"}],
    }
    sources = Sources({"services": {"web": uses, "worker": {}}})

    assert one_off.files(sources, "web") == ["/conf", "/etc/x", "/run/secrets/key", "/k", "/run/secrets/why"]
    assert one_off.files(sources, "worker") == one_off.files(None, "web") == []


def test_a_command_starts_only_when_the_engine_waits_for_its_end(daemon: Server, engine: Engine) -> None:
    """As Docker's own client does: `run -- true` on a far server has ended before a later call finds it."""
    waiting, ended = Event(), Event()

    def wait(_: Request) -> Answer:
        return Answer(lines=_told(waiting, ended))

    daemon.answers |= {"POST /containers/c/wait": wait}
    command = one_off.OneOff(engine, Place("shop", "staging"), container("web"), None, "ada")

    code = ahead(lambda: command._exit_code("c", waiting))  # noqa: SLF001 - what `run` does before it starts it

    assert waiting.wait(10), "the head of the answer has arrived, although nothing has ended"
    ended.set()
    assert code() == 3


def _told(waiting: Event, ended: Event) -> Iterator[object]:
    assert waiting.wait(10)
    ended.wait(10)
    yield {"StatusCode": 3}
