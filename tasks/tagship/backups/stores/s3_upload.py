"""Uploads streams of unknown length to S3, whole or not at all, in constant memory.

boto3's own transfers can't be told `If-None-Match`, so its parts are sent here.
"""

import base64
import contextlib
import functools
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from tagship.backups.store import Source
from tagship.backups.stores.s3_client import EXISTS, code
from tagship.system.threads import Thread

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

FIRST = 8 << 20
"""Bytes of a part; an object that is smaller is sent at once."""
_DOUBLES_AFTER = 1250
_MEMORY = 64 << 20
_PATIENCE = 5.0
"""Seconds that parts on their way are waited for, before what was uploaded is dropped."""
_CHUNK = 1 << 20


def part_size(number: int) -> int:
    """Bytes of a part, from 1. They double every 1250 parts, so that S3's 10,000 parts hold 2.4 TiB."""
    return FIRST << ((number - 1) // _DOUBLES_AFTER)


def at_once(size: int) -> int:
    """How many parts of a size may be on their way: with the one being read, 64 MiB up to an object of 65 GiB."""
    return max(1, min(4, _MEMORY // size - 1))


@dataclass(frozen=True)
class Target:
    """One object to be."""

    s3: "S3Client"
    bucket: str
    key: str

    def put(self, source: Source) -> None:
        """Upload. Raises what the source raises, and boto3's errors."""
        first = _filled(source, FIRST)
        if len(first) < FIRST:
            self._put_at_once(first)
        else:
            self._put_in_parts(first, source)

    def _put_at_once(self, data: bytes) -> None:
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        with self._confirmed(lambda: etag):
            self.s3.put_object(
                Bucket=self.bucket, Key=self.key, Body=data, ChecksumSHA256=_sha256(data), IfNoneMatch="*"
            )

    def _put_in_parts(self, first: bytes, source: Source) -> None:
        started = self.s3.create_multipart_upload(Bucket=self.bucket, Key=self.key, ChecksumAlgorithm="SHA256")
        upload = started["UploadId"]
        waiting: deque[Future[CompletedPartTypeDef]] = deque()
        try:
            parts = list(self._sent(upload, first, source, waiting))
            with self._confirmed(lambda: _combined(parts)):
                self.s3.complete_multipart_upload(
                    Bucket=self.bucket, Key=self.key, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
                )
        except BaseException:
            wait(waiting, _PATIENCE)  # a part that arrives later would stay
            with contextlib.suppress(Exception):  # `sweep` finds it
                self.s3.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload)
            raise

    def _sent(
        self, upload: str, data: bytes, source: Source, waiting: "deque[Future[CompletedPartTypeDef]]"
    ) -> "Iterator[CompletedPartTypeDef]":
        """Send the parts, several at once. Gives each when the server has it, in order."""
        number = 1
        while data:
            waiting.append(_beside(functools.partial(self._send, upload, number, data)))
            number += 1
            size = part_size(number)
            while len(waiting) >= at_once(size):
                yield waiting[0].result()
                waiting.popleft()
            data = _filled(source, size)
        while waiting:
            yield waiting[0].result()
            waiting.popleft()

    def _send(self, upload: str, number: int, data: bytes) -> "CompletedPartTypeDef":
        checksum = _sha256(data)
        sent = self.s3.upload_part(
            Bucket=self.bucket, Key=self.key, UploadId=upload, PartNumber=number, Body=data, ChecksumSHA256=checksum
        )
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    @contextlib.contextmanager
    def _confirmed(self, etag: Callable[[], str]) -> Iterator[None]:
        """Let a request succeed that was refused because an earlier attempt had succeeded and its answer was lost."""
        try:
            yield
        except ClientError as error:
            retried = error.response["ResponseMetadata"].get("RetryAttempts", 0)
            if not retried or code(error) not in {EXISTS, "NoSuchUpload"} or not self._is(etag()):
                raise

    def _is(self, etag: str) -> bool:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.key, MaxKeys=1).get("Contents", [])
        return any(each["Key"] == self.key and each["ETag"].strip('"') == etag for each in found)


def _filled(source: Source, size: int) -> bytes:
    """So many bytes of a stream, or what is left of it, without a copy of them for a moment."""
    buffer = bytearray()
    while len(buffer) < size and (data := source.read(min(_CHUNK, size - len(buffer)))):
        buffer += data
    return cast("bytes", buffer)  # boto3 takes any bytes


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _combined(parts: "list[CompletedPartTypeDef]") -> str:
    """The ETag that S3 gives to an object of these parts."""
    digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _beside(call: Callable[[], Any]) -> Future[Any]:
    """Start a call in a thread that doesn't keep the process alive."""
    future: Future[Any] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is read
            future.set_exception(error)

    Thread(target=work, name="tagship-part", daemon=True).start()
    return future
