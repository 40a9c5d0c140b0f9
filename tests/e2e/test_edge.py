"""The edge serves what is proven, tells what it doesn't serve, and comes back."""

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


def another_way_to_write(url: str) -> str:
    """The same address, another host name: there is no resolver on the rig."""
    return f"http://{int(ipaddress.ip_address(str(urlsplit(url).hostname)))}"
