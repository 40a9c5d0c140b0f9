"""Backups in a bucket of Amazon S3 or of another server that speaks its protocol."""

import contextlib
import functools
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, FlexibleChecksumError

from tagship.backups.store import Protection, Source, Stored, safe
from tagship.backups.stores.s3_client import ATTEMPTS, address, connect, explained
from tagship.backups.stores.s3_probe import protection
from tagship.backups.stores.s3_upload import Target

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3:
    """A Store in a bucket. Its credentials are those that boto3 finds; writing needs no permission to read."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._where = address(url)
        self._bucket = self._where.bucket

    @functools.cached_property
    def _s3(self) -> "S3Client":
        with self._explained("be opened"):
            return connect(self._where)

    def put(self, name: str, source: Source) -> None:
        """See Store."""
        with self._explained(f"store {name}"):
            Target(self._s3, self._bucket, self._key(safe(name))).put(source)

    @contextlib.contextmanager
    def get(self, name: str) -> Iterator[Source]:
        """See Store. A connection that is cut is made again."""
        download = _Download(self, name)
        try:
            yield download
        finally:
            download.close()

    def names(self, prefix: str) -> Iterator[Stored]:
        """See Store."""
        with self._explained("list its objects"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(prefix))
            for page in pages:
                for each in page.get("Contents", ()):
                    if not each["Key"].endswith("/"):  # folders, as some consoles make them
                        yield Stored(each["Key"].removeprefix(self._where.prefix), each["Size"])

    def delete(self, name: str) -> None:
        """See Store. In a bucket with versioning the bytes stay as an old version."""
        with self._explained(f"delete {name}"):
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(name))

    def together(self) -> contextlib.AbstractContextManager[None]:
        """See Store."""
        return contextlib.nullcontext()

    def sweep(self, prefix: str, before: datetime) -> int:
        """See Store."""
        swept = 0
        with self._explained("list unfinished uploads"):
            pages = self._s3.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._key(prefix)
            )
            for upload in [upload for page in pages for upload in page.get("Uploads", ())]:
                if upload["Initiated"] < before:
                    self._s3.abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                    swept += 1
        return swept

    def protection(self, probe: str) -> Protection:
        """See Store."""
        with self._explained("be checked"):
            return protection(self._s3, self._bucket, self._key(probe))

    def _key(self, name: str) -> str:
        return f"{self._where.prefix}{name}"

    def _explained(self, what: str) -> contextlib.AbstractContextManager[None]:
        return explained(what, self.url)


class _Download:
    """An object's bytes. Goes on from where it was when a connection is cut."""

    def __init__(self, store: S3, name: str) -> None:
        self._store, self._name = store, name
        self._at = 0
        self._body: Any = None
        self._etag = ""
        with store._explained(f"read {name}"):  # noqa: SLF001 - a part of it
            self._open()

    def read(self, size: int = -1, /) -> bytes:
        with self._store._explained(f"read {self._name}"):  # noqa: SLF001 - a part of it
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    if self._body is None:
                        self._open()
                    data: bytes = self._body.read(None if size < 0 else size)
                except FlexibleChecksumError:
                    raise
                except BotoCoreError:
                    self.close()
                    if attempt == ATTEMPTS:
                        raise
                    time.sleep(0.2 * 2**attempt)
                else:
                    self._at += len(data)
                    return data
        raise AssertionError  # the last attempt returns or raises

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def _open(self) -> None:
        place = {"Bucket": self._store._bucket, "Key": self._store._key(self._name)}  # noqa: SLF001 - a part of it
        rest = {"Range": f"bytes={self._at}-", "IfMatch": self._etag} if self._at else {}
        response: Any = self._store._s3.get_object(**place, **rest)  # type: ignore[arg-type]  # noqa: SLF001
        self._body, self._etag = response["Body"], response["ETag"]
