"""The schema of `maintenance` in tagship.yml: what visitors get while a site is down on purpose, and who doesn't."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from tagship.project.values import Duration, Strings, Table

HEALTH = ("/health", "/health/", "/healthz", "/up")


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no address and no network."""
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            msg = f"{value!r} isn't valid: write an IP address or a network, such as 203.0.113.7 or 2001:db8::/32"
            raise ValueError(msg) from None
    return values


class MaintenanceSettings(Table):
    """What the edge answers while an environment is in maintenance, and what still reaches the app."""

    page: str = Field(
        default="", description="An HTML file of at most 1 MB, relative to tagship.yml. Default: a plain page."
    )
    retry_after: Duration = Field(default=300, description="What the header Retry-After asks clients to wait.")
    paths: Strings = Field(
        default=HEALTH, description="Paths that still reach the app, for health checks; `/api/*` is all below /api."
    )
    addresses: Annotated[Strings, AfterValidator(_networks)] = Field(
        default=(), description="IP addresses and networks from which people still reach the app."
    )
