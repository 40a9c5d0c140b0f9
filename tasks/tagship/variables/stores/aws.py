"""What AWS's two secret stores share: how their URIs name a secret, and what a refusal means."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tagship.errors import ConfigError, SecretsError
from tagship.system import aws

WRITTEN_WITHIN = 35.0
"""Seconds for all requests of a write."""


@dataclass(frozen=True)
class Where:
    """A name or path, and its region; without one, that of AWS's own configuration."""

    name: str
    region: str = ""

    @classmethod
    def of(cls, uri: str, form: str) -> "Where":
        """Read a URI, also one with an ARN, which says its region. Raises ConfigError."""
        name, _, query = uri.partition("://")[2].partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True))
        if not name.strip("/") or "@" in name or given.keys() - {"region"}:
            raise ConfigError(f"secrets: {uri.partition('?')[0]!r} names nothing.", hint=f"write {form}")
        in_arn = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 5 else ""  # noqa: PLR2004 - its fields
        return cls(name, given.get("region", in_arn))

    def client(self, service: str) -> Any:  # noqa: ANN401 - each service's is of its own type
        """A client of one of AWS's services in that region."""
        return aws.client(service, self.region)


def explained(what: str, action: str) -> AbstractContextManager[None]:
    """Raises SecretsError for what AWS refuses; `what` was asked for by the IAM action `action`."""
    return aws.explained(what, action, SecretsError)
