"""The edge serves only proven releases, answers for unknown hosts, and restarts."""

import ipaddress
from urllib.parse import urlsplit

from tests.hello import Hello


def test_a_changed_url_is_served_beside_the_old_one_until_it_is_proven(hello: Hello, environment: str) -> None:
    first = hello.commit()
    hello.ship(environment)
    settings = hello.settings["environments"][environment]
    old = settings["url"]
    settings["url"] = another_way_to_write(old)
    once = hello.folder.parent / "once"
    hello.settings["smoke"] = [{"run": f"sh -c 'test ! -e {once} && touch {once}'"}]  # fails behind the cutover
    hello.commit()

    refused = hello.run("ship", "--env", environment)

    assert refused.returncode == 13, refused.stderr
    assert first in hello.get_at(old)
    assert "421" in hello.get_at(settings["url"])

    hello.settings["smoke"] = [{"path": "/", "contains": "hello"}]
    second = hello.commit()
    hello.ship(environment)

    assert second in hello.get(environment)
    assert "421" in hello.get_at(old)


def test_an_edge_that_is_gone_with_its_configuration_is_made_again_once_its_port_is_free(
    hello: Hello, environment: str
) -> None:
    sha = hello.commit()
    hello.ship(environment)
    host = hello.rig.hosts[0 if environment == "host1" else 1]
    host.docker("rm", "--force", "tagship-edge")
    host.docker("volume", "rm", "tagship-edge_config")
    name = f"{hello.name}-squatter"
    for how, who in (("--publish=80:80", f"the container {name}"), ("--network=host", "process")):
        words = ("--label", f"tagship.app={hello.name}", "--name", name, how, hello.rig.image("caddy"))
        host.docker("run", "--detach", *words, "nc", "-l", "-p", "80")

        refused = hello.run("deploy", "--env", environment)

        host.docker("rm", "--force", name)
        assert refused.returncode == 9, refused.stderr
        assert f"Port 80 of the server is in use by {who}" in refused.stderr
        assert host.docker("ps", "--all", "--quiet", "--filter", "label=tagship.edge") == ""

    hello.tagship("deploy", "--env", environment)

    assert sha in hello.get(environment)
    policy = host.docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", "tagship-edge")
    assert policy.strip() == "always"


def another_way_to_write(url: str) -> str:
    """The same address, another host name: there is no resolver on the rig."""
    return f"http://{int(ipaddress.ip_address(str(urlsplit(url).hostname)))}"
