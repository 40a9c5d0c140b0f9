"""A client for the S3 that a URL means, and what its refusals mean."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from tagship.backups.store import ReadDeniedError
from tagship.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ATTEMPTS = 4
"""How often a request is made until it succeeds; boto3 waits longer before each."""
READ_TIMEOUT = 60.0
"""Seconds without a byte of an answer after which a request counts as failed."""
EXISTS, DENIED = "PreconditionFailed", "AccessDenied"
_KEYS = {"endpoint", "region"}
_CREDENTIALS = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the profile or role that boto3 finds"
_MEANINGS = {
    EXISTS: ("it exists already, and nothing is replaced", ""),
    DENIED: ("access is denied", "check what the identity may do in the bucket"),
    "NoSuchKey": ("it doesn't exist", ""),
    "NoSuchBucket": ("there is no such bucket", "create it, with versioning and Object Lock"),
    "NotImplemented": ("it doesn't know If-None-Match or SHA-256 checksums", "use a store that knows them"),
    "BadDigest": ("what arrived isn't what was sent", "try again"),
    "XAmzContentSHA256Mismatch": ("what arrived isn't what was sent", "try again"),
    "InvalidAccessKeyId": ("the credentials are unknown there", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key is wrong", _CREDENTIALS),
    "ExpiredToken": ("the credentials have expired", _CREDENTIALS),
    "InvalidToken": ("the session token is wrong", _CREDENTIALS),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set it, for example by NTP"),
    "InsufficientStorage": ("it is full", "free space there"),
    "XMinioStorageFull": ("it is full", "free space there"),
    "QuotaExceeded": ("its quota is used up", "free space there, or raise the quota"),
}


@dataclass(frozen=True)
class Address:
    """The bucket, what keys in it begin with, and for other servers than Amazon's, where it is."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None


def address(url: str) -> Address:
    """Parse `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]`. Raises ConfigError."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    wrong = "@" in parts.netloc or parts.fragment or not parts.netloc or set(query) - _KEYS
    endpoint = query.get("endpoint")
    if wrong or (endpoint is not None and not _is_endpoint(endpoint)):
        raise ConfigError("The store's URL is no bucket.", hint="write s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]")
    prefix = unquote(parts.path).strip("/")
    return Address(parts.netloc, f"{prefix}/" if prefix else "", endpoint, query.get("region"))


def connect(where: Address) -> "S3Client":
    """A client with credentials of boto3's own chain: variables, profile, or the machine's role."""
    region = where.region or ("us-east-1" if where.endpoint else None)
    config = Config(
        connect_timeout=10,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": "path"} if where.endpoint else {},
        tcp_keepalive=True,
    )
    return boto3.Session().client("s3", endpoint_url=where.endpoint, region_name=region, config=config)


def code(error: ClientError) -> str:
    """S3's word for what is wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextlib.contextmanager
def explained(what: str, url: str) -> Iterator[None]:
    """Raise a StoreError for boto3's errors, which say nothing of credentials but which key was used."""
    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {}).get("Message", "")
        kind = ReadDeniedError if code(error) == DENIED and error.operation_name == "GetObject" else StoreError
        reason, hint = _MEANINGS.get(code(error), (f"{code(error)} {said}".strip().rstrip("."), ""))
        raise kind(f"The store can't {what}: {reason}.", hint=hint) from None
    except (NoCredentialsError, PartialCredentialsError):
        raise StoreError(f"The store can't {what}: there are no credentials.", hint=_CREDENTIALS) from None
    except BotoCoreError as error:
        hint = f"check that {urlsplit(url).netloc} can be reached" if not _endpoint(url) else f"check {_endpoint(url)}"
        raise StoreError(f"The store can't {what}: {str(error).rstrip('.')}.", hint=hint) from None


def _endpoint(url: str) -> str:
    return dict(parse_qsl(urlsplit(url).query)).get("endpoint", "")


def _is_endpoint(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
