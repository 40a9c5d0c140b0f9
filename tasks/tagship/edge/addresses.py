"""Where the edge serves an environment: its URL, its other hosts, and those that it redirects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from tagship.project.schema import Environment


@dataclass(frozen=True)
class Addresses:
    """The addresses of one environment, as the edge serves them: by HTTP, if a proxy before it has the certificate."""

    urls: tuple[str, ...] = ()
    """Its own URL first; none if unknown."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """Host → the URL that its requests are redirected to."""
    behind: tuple[str, ...] = ()
    """Addresses of proxies that are believed when they say who a client is."""

    @classmethod
    def of(cls, settings: Environment) -> Self:
        """The addresses that tagship.yml gives an environment."""
        url = urlsplit(settings.url)
        scheme = "http" if settings.edge.behind else url.scheme
        port = f":{url.port}" if url.port and not settings.edge.behind else ""
        own = str(url.hostname)
        hosts = dict.fromkeys((f"[{own}]" if ":" in own else own, *settings.hosts))
        public = settings.url.rstrip("/")
        return cls(
            tuple(f"{scheme}://{host}{port}" for host in hosts),
            {host: public for host in settings.redirect_hosts if host not in hosts},
            settings.edge.behind,
        )


NOWHERE = Addresses()
