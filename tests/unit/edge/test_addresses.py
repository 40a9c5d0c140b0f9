"""Where the edge serves an environment, as tagship.yml says."""

from typing import Any

import pytest

from tagship.edge.addresses import Addresses
from tagship.edge.caddy import refuse_unreachable
from tagship.errors import CheckError
from tagship.project.schema import EdgeSettings, Environment

URL = "https://shop.example.com:8443"


def environment(**settings: object) -> Environment:
    """An environment at this URL."""
    return Environment.model_validate({"engine": "local", "url": URL, **settings})


def test_other_hosts_have_the_urls_scheme_and_port() -> None:
    found = Addresses.of(environment(hosts=["shop.example.org", "shop.example.com"]))

    assert found.urls == (URL, "https://shop.example.org:8443")


def test_an_ipv6_address_stays_in_its_brackets() -> None:
    assert Addresses.of(environment(url="http://[::1]:8080")).urls == ("http://[::1]:8080",)


def test_a_redirected_host_leads_to_the_url_unless_it_is_served_itself() -> None:
    found = Addresses.of(
        environment(**{"hosts": "a.example.com", "redirect-hosts": ["www.example.com", "a.example.com"]})
    )

    assert found.moved == {"www.example.com": URL}


def test_behind_a_proxy_the_edge_serves_by_http_and_redirects_to_what_people_see() -> None:
    found = Addresses.of(environment(**{"edge": {"behind": "10.0.0.1"}, "redirect-hosts": "www.example.com"}))

    assert found == Addresses(("http://shop.example.com",), {"www.example.com": URL}, ("10.0.0.1",))


def test_a_proxys_port_need_not_be_the_edges_but_the_edge_needs_http() -> None:
    refuse_unreachable(URL, EdgeSettings(http=8080, https=0, behind=("10.0.0.1",)))

    with pytest.raises(CheckError, match=r"edge\.http is 0"):
        refuse_unreachable(URL, EdgeSettings(http=0, behind=("10.0.0.1",)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hosts": "https://shop.example.org"}, "isn't a host name"),
        ({"redirect-hosts": "www.example.com:80"}, "isn't a host name"),
        ({"edge": {"behind": "nginx"}}, "does not appear to be an IPv4 or IPv6 network"),
        ({"edge": {"bind": "localhost"}}, "does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_what_is_no_host_and_no_address_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        environment(**settings)
