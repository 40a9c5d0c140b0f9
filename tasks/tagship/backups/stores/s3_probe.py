"""Finds out what protects a bucket's objects from an identity, by trying to destroy one."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tagship.backups.store import Protection

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_SERVER_ERROR = 500


def protection(s3: "S3Client", bucket: str, key: str) -> Protection:
    """Store a probe, then overwrite it, delete it, and delete its first version. Raises boto3's errors.

    What is left of it is removed as far as that is allowed.
    """
    here: dict[str, Any] = {"Bucket": bucket, "Key": key}
    made: Any = s3.put_object(**here, Body=b"probe", IfNoneMatch="*")
    over = _tried(partial(s3.put_object, **here, Body=b"overwritten"))
    deleted = _tried(partial(s3.delete_object, **here))
    hides = over is not None or deleted is not None
    versioned = made.get("VersionId", "null") != "null"
    erases = hides
    if versioned:
        erased = [_erased(s3, here, each) for each in (made, over)]
        erases = erased[0]
        if all(erased):  # otherwise it would reappear without the mark of its deletion
            _erased(s3, here, deleted)
    return Protection(hides=hides, erases=erases, notes=tuple(_notes(s3, bucket, made, versioned=versioned)))


def _erased(s3: "S3Client", here: dict[str, Any], response: Any) -> bool:  # noqa: ANN401 - a response
    """Whether the version that a response names could be deleted; true if there was no response."""
    return response is None or _tried(partial(s3.delete_object, **here, VersionId=response["VersionId"])) is not None


def _notes(s3: "S3Client", bucket: str, made: Any, *, versioned: bool) -> Iterator[str]:  # noqa: ANN401 - a response
    yield f"versioning is {'on' if versioned else 'off'}"
    lock = _tried(partial(s3.get_object_lock_configuration, Bucket=bucket)) or {}
    rule = lock.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    if rule:
        period = f"{rule['Days']} days" if "Days" in rule else f"{rule.get('Years')} years"
        yield f"Object Lock keeps each version for {period} ({rule.get('Mode')})"
    if encryption := made.get("ServerSideEncryption"):
        yield f"the server encrypts, too ({encryption})"


def _tried(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - a response
    """The response, or None if it was refused. An answer that is no refusal proves nothing, and is raised."""
    try:
        return call()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR:
            raise
        return None
