"""What AWS's two secret stores share: which region, who asks, and what a refusal means."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from tagship.errors import ConfigError, SecretsError, TagshipError

CONNECT, ANSWER = 4, 5
"""Seconds for a connection and for an answer; each is tried twice."""
WRITTEN_WITHIN = 35.0
"""Seconds for all requests of a write."""
_LOGIN = "run `aws sso login`, or set AWS_PROFILE; in GitHub Actions use aws-actions/configure-aws-credentials"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"}
_UNREACHABLE = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError)


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
        """A client, as boto3 makes it. AWS's other tools read AWS_REGION, too; botocore doesn't."""
        how = Config(
            connect_timeout=CONNECT, read_timeout=ANSWER, retries={"mode": "standard", "total_max_attempts": 2}
        )
        return botocore.session.get_session().create_client(
            service, region_name=self.region or os.environ.get("AWS_REGION"), config=how
        )


@contextmanager
def explained(what: str, action: str) -> Iterator[None]:
    """Raises SecretsError for what AWS refuses; `what` was asked for by the IAM action `action`."""
    try:
        yield
    except ClientError as error:
        raise _refusal(error, what, action) from None
    except NoRegionError:
        raise SecretsError(f"{what} has no region.", hint="add ?region=…, or set AWS_REGION") from None
    except (NoCredentialsError, PartialCredentialsError):
        raise SecretsError("There are no credentials for AWS.", hint=_LOGIN) from None
    except _UNREACHABLE:
        raise SecretsError(
            f"AWS can't be reached to ask for {what}.", hint="check the region and the network"
        ) from None
    except BotoCoreError as error:
        raise SecretsError(f"{what} can't be asked for: {str(error).rstrip('.')}.", hint=_LOGIN) from None


def _refusal(error: ClientError, what: str, action: str) -> TagshipError:
    said = error.response.get("Error", {})
    code = said.get("Code", "")
    if code in _EXPIRED:
        return SecretsError("The credentials for AWS have expired.", hint=_LOGIN)
    if code in _UNKNOWN:
        return SecretsError("AWS doesn't know these credentials.", hint=_LOGIN)
    if code.startswith("AccessDenied"):
        return SecretsError(f"AWS denies {action} on {what}.", hint="add it to the policy of that identity")
    if "KMS" in code or code == "DecryptionFailure":
        return SecretsError(
            f"The key of {what} can't be used.", hint="add kms:Decrypt on that key to the policy of that identity"
        )
    message = " ".join(str(said.get("Message", "")).split()).rstrip(".")
    return SecretsError(f"AWS refuses {action} on {what}: {code} {message}.", hint="see what it says")


def is_code(error: ClientError, *codes: str) -> bool:
    """Whether AWS answered with one of these codes."""
    return error.response.get("Error", {}).get("Code") in codes
