"""An application goes from a server whole, and nobody else there notices."""

from tests.e2e.test_edge import another_way_to_write
from tests.hello import Hello


def test_an_environment_goes_whole_even_if_it_was_killed_half_way_and_its_neighbour_drops_no_request(
    hello: Hello,
) -> None:
    host = hello.rig.hosts[0]
    environments = hello.settings["environments"]
    environments["next"] = {**environments["host1"], "url": another_way_to_write(environments["host1"]["url"])}
    hello.compose["services"]["cache"] = {"image": hello.rig.image("redis"), "volumes": ["data:/data"]}
    hello.compose["services"]["web"]["stop_grace_period"] = "5s"
    hello.compose["volumes"] = {"data": {}}
    hello.settings |= {"release": {"accessories": ["cache"]}}
    for name in ("host1", "next"):
        live = hello.commit()
        hello.tagship("accessories.up", "--env", name)
        hello.ship(name)
    assert hello.run("remove", "--env", "host1").returncode == 9, "nobody confirmed it"
    confirmed = ("remove", "--env", "host1", "--confirm", f"{hello.name}-host1")

    load = hello.load("next")
    killed = hello.start(*confirmed)
    assert killed.stderr
    while "Stop serving" not in killed.stderr.readline():
        pass
    killed.kill()
    killed.communicate()
    hello.tagship("lock.release", "--env", "host1")
    said = hello.tagship(*confirmed)
    seen = load.stop()

    assert f"Its volumes stay, with their data: {hello.name}-host1_data" in said
    assert left(hello, "container", "network") == ""
    assert f"{hello.name}-host1" not in host.docker("exec", "tagship-edge", "ls", "/tagship")
    assert "421" in hello.get_at(environments["host1"]["url"])
    assert (seen["failures"], seen["requests"] > 20) == ([], True), seen
    assert live in hello.get_at(environments["next"]["url"])

    hello.tagship(*confirmed, "--volumes")

    assert left(hello, "volume") == ""


def left(hello: Hello, *kinds: str) -> str:
    """What the first host has of the environment host1."""
    ours = ("--filter", f"label=tagship.app={hello.name}", "--filter", "label=tagship.environment=host1")
    every = {"container": ("--all",), "network": (), "volume": ()}
    return "".join(hello.rig.hosts[0].docker(kind, "ls", "--quiet", *every[kind], *ours) for kind in kinds)
