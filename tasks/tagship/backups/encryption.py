"""Streams that compress with zstd and encrypt with age, and back, in constant memory.

Format of a part: age's binary format (https://age-encryption.org/v1) around one zstd frame (RFC 8878) with a checksum.
"""

import hashlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from tagship.backups.store import Source
from tagship.errors import BackupError, ConfigError, ToolError
from tagship.system.threads import Thread

try:
    import pyrage

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
except ModuleNotFoundError as missing:
    raise ToolError(f"{missing.name} is not installed.", hint="run pip install 'tagship[backups]'") from None

CHUNK = 1 << 20
"""Bytes read at once."""
_LEVEL = 3
_WORKERS = 1
"""Threads that compress while the source is read; each takes some 30 MB of memory."""
_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: _LEVEL,
    zstd.CompressionParameter.checksum_flag: 1,
    zstd.CompressionParameter.nb_workers: _WORKERS,
}


@dataclass
class Digest:
    """The SHA-256 and the length of what passed."""

    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256, repr=False)

    def add(self, data: bytes) -> bytes:
        """Count data, and return it."""
        self.size += len(data)
        self._hash.update(data)
        return data

    @property
    def sha256(self) -> str:
        """In hex."""
        return str(self._hash.hexdigest())


class Counted:
    """A stream that counts what is read from it."""

    def __init__(self, source: Source) -> None:
        self.digest = Digest()
        self._source = source

    def read(self, size: int = CHUNK, /) -> bytes:
        """Up to so many bytes; none at the end."""
        return self.digest.add(self._source.read(size))


@contextmanager
def sealed(plain: Source, recipients: Sequence[str]) -> Iterator[Counted]:
    """The stream, compressed and encrypted for recipients.

    Raises ConfigError for a key that is none, and whatever reading the plain stream raises.
    """
    keys = public(recipients)
    source = _Kept(_Compressed(plain))
    with _pumped(lambda out: pyrage.encrypt_io(source, out, keys), source) as pumped:
        yield Counted(pumped)


@contextmanager
def opened(stored: Source, identities: Sequence[Any]) -> Iterator[Source]:
    """The plain stream. Raises BackupError if no identity fits, or if the stored stream was changed or truncated."""
    source = _Kept(stored)
    with _pumped(lambda out: pyrage.decrypt_io(source, out, identities), source) as pumped:
        yield _Plain(pumped)


def identities(text: str) -> list[Any]:
    """The private keys of an age key file. Raises ConfigError without repeating any of it."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines]
    except pyrage.IdentityError:
        found = []
    if not found:
        raise ConfigError("The identity holds no private key of age.", hint="give a file that age-keygen wrote")
    return found


def public(recipients: Sequence[str]) -> list[Any]:
    """The public keys. Raises ConfigError for one that is none."""
    return [_recipient(text) for text in recipients]


def _recipient(text: str) -> Any:  # noqa: ANN401 - pyrage's own class
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ConfigError(f"{text!r} is no public key of age.", hint="give one that begins with age1") from None


class _Compressed:
    """Compresses what it reads from a stream."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._zstd = zstd.ZstdCompressor(options=_OPTIONS)
        self._ready = memoryview(b"")
        self._ended = False

    def read(self, size: int = CHUNK, /) -> bytes:
        while not self._ready and not self._ended:
            data = self._source.read(CHUNK)
            self._ended = not data
            self._ready = memoryview(self._zstd.compress(data) if data else self._zstd.flush())
        piece, self._ready = self._ready[:size], self._ready[size:]
        return bytes(piece)


class _Plain:
    """Decompresses one frame, and raises BackupError if it is truncated or something follows it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._zstd = zstd.ZstdDecompressor()

    def read(self, size: int = CHUNK, /) -> bytes:
        try:
            while not self._zstd.eof:
                data = self._source.read(CHUNK) if self._zstd.needs_input else b""
                if not data and self._zstd.needs_input:
                    raise BackupError("The backup is truncated.")
                if piece := self._zstd.decompress(data, size):
                    return bytes(piece)
        except zstd.ZstdError as error:
            raise BackupError(f"The backup was changed: {error}.") from None
        if self._zstd.unused_data or self._source.read(1):
            raise BackupError("The backup was changed: something follows its end.")
        return b""


class _Kept(io.BufferedIOBase):
    """Reads a stream for pyrage, and keeps the error of a read, which pyrage would hide behind one of its own."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int | None = CHUNK, /) -> bytes:
        try:
            return self._source.read(CHUNK if size is None else size)
        except BaseException as error:
            self.error = error
            raise


class _Pipe:
    """The reading end of a pipe into which a thread writes; at its end, it raises what went wrong in the thread."""

    def __init__(self, end: BinaryIO, thread: threading.Thread, wrong: list[BaseException]) -> None:
        self._end, self._thread, self._wrong = end, thread, wrong

    def read(self, size: int = CHUNK, /) -> bytes:
        data = self._end.read(size)
        if not data:
            self._thread.join()
            for error in self._wrong:
                raise error
        return data


@contextmanager
def _pumped(work: Callable[[io.BufferedIOBase], object], source: _Kept) -> Iterator[_Pipe]:
    """Run work in a thread that writes to a pipe; leaving early makes its next write fail, and waits for it."""
    readable, writable = os.pipe()
    wrong: list[BaseException] = []

    def run() -> None:
        try:
            with io.BufferedWriter(io.FileIO(writable, "wb"), CHUNK) as out:
                work(out)
        except BaseException as error:  # noqa: BLE001 - raised where the pipe is read
            wrong.append(source.error or _explained(error))

    thread = Thread(target=run, daemon=True)
    with os.fdopen(readable, "rb", buffering=0) as end:
        thread.start()
        yield _Pipe(end, thread, wrong)
    thread.join()


def _explained(error: BaseException) -> BaseException:
    """Of age's own errors, what they mean for the backup."""
    if "No matching keys" in str(error):
        return BackupError("No identity fits this backup.", hint="give the private key of one of its recipients")
    if isinstance(error, OSError | pyrage.DecryptError):
        return BackupError(f"The backup can't be decrypted: it was changed or truncated ({error}).")
    return error
