"""A part of a backup, opened as it was before it was stored."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tagship.backups import encryption
from tagship.backups.encryption import CHUNK, Counted
from tagship.backups.manifest import Manifest, Part
from tagship.backups.store import Store
from tagship.errors import BackupError


@contextmanager
def opened(store: Store, backup: Manifest, part: Part, identities: Sequence[Any]) -> Iterator[Counted]:
    """The plain bytes. What the block leaves of them is read after it, so that all are compared.

    Raises BackupError at the end if they aren't what was backed up.
    """
    name = f"{backup.app}-{backup.environment}/{backup.id}/{part.file}"
    with store.get(name) as stored, encryption.opened(stored, identities) as plain:
        source = Counted(plain)
        yield source
        while source.read(CHUNK):
            pass
    if source.digest.sha256 != part.plain_sha256:
        raise BackupError(f"{part.file} isn't what was backed up: its checksum differs from the manifest's.")
