"""One app in two environments of one server: one is down for maintenance, then goes, and the other doesn't notice."""

from collections.abc import Iterator

import pytest

from tests.e2e.test_edge import another_way_to_write
from tests.hello import Hello
from tests.rig import Rig

PAGE = "<style>h1 { color: red }</style><h1>Back at {http.request.host} noon</h1>"


@pytest.fixture(scope="module")
def hello(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hello]:
    """An app with an accessory, live in `host1` and in `next`, which are on the same server."""
    app = Hello(rig, tmp_path_factory.mktemp("closing") / "app", "closing")
    environments = app.settings["environments"]
    environments["next"] = {**environments["host1"], "url": another_way_to_write(environments["host1"]["url"])}
    app.compose["services"]["cache"] = {
        "image": rig.image("redis"),
        "volumes": ["data:/data"],
        "stop_grace_period": "1s",
    }
    app.compose["services"]["web"]["stop_grace_period"] = "1s"
    app.compose["volumes"] = {"data": {}}
    app.settings |= {
        "release": {"accessories": ["cache"]}, "maintenance": {"page": "down.html", "paths": ["/health"]},
    }  # fmt: skip
    (app.folder / "down.html").write_text(f"{PAGE}\n")
    app.commit()
    for name in ("host1", "next"):
        app.tagship("accessories.up", "--env", name)
        app.ship(name)
    yield app
    app.remove()


def test_maintenance_answers_visitors_survives_a_deploy_and_lets_health_checks_through(hello: Hello) -> None:
    url = hello.settings["environments"]["host1"]["url"]
    load = hello.load("next")

    hello.tagship("maintenance.on", "--env", "host1", "--reason", "moving house")
    closed = hello.get_at(url)
    new = hello.commit()
    hello.ship("host1")

    assert closed.strip() == f"503 {PAGE}"
    assert hello.get_at(url).strip() == f"503 {PAGE}"
    assert new in hello.get("host1", "/health")
    assert ": moving house; visitors get 503" in hello.tagship("status", "--env", "host1")
    assert hello.run("smoke-test", "--env", "host1").returncode == 13

    hello.tagship("maintenance.off", "--env", "host1")

    assert new in hello.get("host1")
    assert load.stop()["failures"] == []
    actions = [(entry["action"], entry["result"]) for entry in hello.history("host1")][1:]
    assert actions == [("maintenance", "on"), ("deploy", "ok"), ("maintenance", "off")]


def test_hooks_go_beside_a_deploy_and_a_dead_receiver_does_not_hold_it_up(hello: Hello) -> None:
    said = hello.folder.parent / "said"
    hello.settings |= {
        "hooks": {
            "before-deploy": f"sh -c 'test -e {said} || exit 3'",
            "before-cutover": f"sh -c 'echo $TAGSHIP_HOOK $TAGSHIP_RELEASE >> {said}'",
            "after-deploy": [f"sh -c 'echo $TAGSHIP_HOOK >> {said}; exit 4'"],
        },
        "notify": [{"to": "slack", "url": "DEAD"}],
    }
    hello.environment["DEAD"] = "http://10.77.255.254/x"
    hello.commit()

    refused = hello.run("ship", "--env", "next")

    assert refused.returncode == 23, refused.stderr
    assert "nothing was changed" in refused.stderr

    said.touch()
    done = hello.ship("next")

    assert said.read_text().splitlines() == [f"before-cutover {done['release']}", "after-deploy"]
    late, dead = done["warnings"]
    assert late.startswith("after-deploy failed") or dead.startswith("after-deploy failed")
    assert any(remark.startswith("slack was not told") for remark in (late, dead))


def test_an_environment_goes_whole_even_if_it_was_killed_half_way_and_its_neighbour_drops_no_request(
    hello: Hello,
) -> None:
    host = hello.rig.hosts[0]
    assert hello.run("remove", "--env", "host1").returncode == 9, "nobody confirmed it"
    confirmed = ("remove", "--env", "host1", "--confirm", "closing-host1")

    load = hello.load("next")
    killed = hello.start(*confirmed)
    assert killed.stderr
    while "Stop serving" not in killed.stderr.readline():
        pass
    killed.kill()
    killed.communicate()
    hello.tagship("lock.release", "--env", "host1")
    volumes = left(hello, "volume")
    hello.tagship(*confirmed, "--volumes")
    seen = load.stop()

    assert volumes != ""
    assert left(hello, "container", "network", "volume") == ""
    assert "closing-host1" not in host.docker("exec", "tagship-edge", "ls", "/tagship")
    assert "421" in hello.get_at(hello.settings["environments"]["host1"]["url"])
    # routes that go change Caddy's configuration, which may cost a new connection: reloads-are-announced.md
    assert (len(seen["failures"]) <= 1, seen["requests"] > 20) == (True, True), seen


def left(hello: Hello, *kinds: str) -> str:
    """What the first host has of the environment host1."""
    ours = ("--filter", f"label=tagship.app={hello.name}", "--filter", "label=tagship.environment=host1")
    every = {"container": ("--all",), "network": (), "volume": ()}
    return "".join(hello.rig.hosts[0].docker(kind, "ls", "--quiet", *every[kind], *ours) for kind in kinds)
