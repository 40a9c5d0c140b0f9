"""What is sealed can be opened by whom it is for, and by nobody else; what was changed is refused."""

import io
import os

import pyrage
import pytest

from tagship.backups import encryption
from tagship.backups.encryption import Counted
from tagship.backups.store import Source
from tagship.errors import BackupError, ConfigError

OURS, THEIRS = (pyrage.x25519.Identity.generate() for _ in range(2))
PLAIN = os.urandom(3_000_000) + b"row " * 200_000


def sealed(plain: bytes, *identities: pyrage.x25519.Identity) -> bytes:
    """The bytes as they would be stored."""
    with encryption.sealed(io.BytesIO(plain), [str(identity.to_public()) for identity in identities]) as source:
        return whole(source)


def opened(stored: bytes, *identities: pyrage.x25519.Identity) -> bytes:
    """The plain bytes."""
    with encryption.opened(io.BytesIO(stored), identities) as source:
        return whole(source)


def whole(source: Source) -> bytes:
    """Everything that a stream holds."""
    found = io.BytesIO()
    while piece := source.read(70_000):
        found.write(piece)
    return found.getvalue()


@pytest.mark.parametrize("plain", [b"", b"x", PLAIN], ids=["nothing", "a byte", "megabytes"])
def test_each_recipient_can_open_what_was_sealed(plain: bytes) -> None:
    stored = sealed(plain, OURS, THEIRS)

    assert opened(stored, OURS) == plain
    assert opened(stored, THEIRS) == plain


def test_repetitions_are_compressed() -> None:
    assert len(sealed(PLAIN, OURS)) < 3_100_000


def test_nobody_else_can_open_it() -> None:
    with pytest.raises(BackupError, match="No identity fits"):
        opened(sealed(b"secret", OURS), THEIRS)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s[:-1],
        lambda s: s[:100_000],
        lambda s: s[:20],
        lambda _: b"",
        lambda s: s + b"x",
        lambda s: s[:-9] + bytes([s[-9] ^ 1]) + s[-8:],
        lambda s: s[:90_000] + bytes([s[90_000] ^ 1]) + s[90_001:],
        lambda s: b"age-encryption.org/v2" + s[21:],
    ],
)
def test_a_stored_stream_that_was_changed_or_truncated_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(BackupError, match=r"changed or truncated|identity"):
        opened(change(sealed(PLAIN, OURS)), OURS)


def test_the_error_of_the_source_is_raised_and_not_one_of_the_encryption() -> None:
    class Broken:
        def read(self, _: int = -1, /) -> bytes:
            msg = "the dump failed"
            raise BackupError(msg)

    with (
        pytest.raises(BackupError, match="the dump failed"),
        encryption.sealed(Broken(), [str(OURS.to_public())]) as source,
    ):
        whole(source)


def test_leaving_early_waits_for_the_thread_and_loses_nothing_else() -> None:
    with encryption.sealed(io.BytesIO(PLAIN), [str(OURS.to_public())]) as source:
        assert source.read(10)


def test_what_passes_is_counted_and_hashed() -> None:
    counted = Counted(io.BytesIO(b"abc"))

    assert whole(counted) == b"abc"
    assert counted.digest.size == 3
    assert counted.digest.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("text", ["", "# a comment", "AGE-SECRET-KEY-1NOTAKEY"])
def test_an_identity_that_is_none_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigError, match="no private key") as refused:
        encryption.identities(text)

    assert "NOTAKEY" not in str(refused.value)


def test_a_key_file_as_age_keygen_writes_it_is_read() -> None:
    text = f"# created: 2026-11-27T10:00:00Z\n# public key: {OURS.to_public()}\n{OURS}\n"

    assert opened(sealed(b"secret", OURS), *encryption.identities(text)) == b"secret"


def test_a_recipient_that_is_no_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="no public key"), encryption.sealed(io.BytesIO(b""), ["age1nokey"]):
        pass
