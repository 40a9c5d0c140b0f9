"""AWS: a client of one of its services, and what its refusals mean."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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

from tagship.errors import TagshipError

CONNECT, ANSWER = 4, 5
"""Seconds for a connection and for an answer; each is tried twice."""
LOGIN = "run `aws sso login`, or set AWS_PROFILE; in GitHub Actions use aws-actions/configure-aws-credentials"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch"}
_UNREACHABLE = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError)


def client(service: str, region: str = "") -> Any:  # noqa: ANN401 - each service's is of its own type
    """A client, as boto3 makes it. AWS's other tools read AWS_REGION, too; botocore doesn't."""
    how = Config(connect_timeout=CONNECT, read_timeout=ANSWER, retries={"mode": "standard", "total_max_attempts": 2})
    return botocore.session.get_session().create_client(
        service, region_name=region or os.environ.get("AWS_REGION"), config=how
    )


@contextmanager
def explained(what: str, action: str, failed: type[TagshipError]) -> Iterator[None]:
    """Raises `failed` for what AWS refuses; `what` was asked for by the IAM action `action`."""
    try:
        yield
    except ClientError as error:
        raise _refusal(error, what, action, failed) from None
    except NoRegionError:
        raise failed(f"{what} has no region.", hint="add ?region=…, or set AWS_REGION") from None
    except (NoCredentialsError, PartialCredentialsError):
        raise failed("There are no credentials for AWS.", hint=LOGIN) from None
    except _UNREACHABLE:
        raise failed(f"AWS can't be reached to ask for {what}.", hint="check the region and the network") from None
    except BotoCoreError as error:
        raise failed(f"{what} can't be asked for: {str(error).rstrip('.')}.", hint=LOGIN) from None


def _refusal(error: ClientError, what: str, action: str, failed: type[TagshipError]) -> TagshipError:
    said = error.response.get("Error", {})
    code = said.get("Code", "")
    if code in _EXPIRED:
        return failed("The credentials for AWS have expired.", hint=LOGIN)
    if code in _UNKNOWN:
        return failed("AWS doesn't know these credentials.", hint=LOGIN)
    if code.startswith("AccessDenied"):
        return failed(f"AWS denies {action} on {what}.", hint="add it to the policy of that identity")
    if "KMS" in code or code == "DecryptionFailure":
        return failed(
            f"The key of {what} can't be used.", hint="add kms:Decrypt on that key to the policy of that identity"
        )
    message = " ".join(str(said.get("Message", "")).split()).rstrip(".")
    return failed(f"AWS refuses {action} on {what}: {code} {message}.", hint="see what it says")


def is_code(error: ClientError, *codes: str) -> bool:
    """Whether AWS answered with one of these codes."""
    return error.response.get("Error", {}).get("Code") in codes
