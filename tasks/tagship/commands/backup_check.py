"""`backup.check`: whether the store takes backups, and what protects them there."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import DRY_RUN, ENV, JSON, task
from tagship.errors import StoreError

if TYPE_CHECKING:
    from tagship.backups.store import Store


@task(help={"env": ENV, "dry-run": DRY_RUN, "json": JSON})
def check(_: Context, env: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Check the store, and what protects the backups in it.

    Stores a small object, reads it back, tries to overwrite and to delete it, and says what this identity could
    destroy.
    """
    import secrets
    from dataclasses import asdict

    from tagship.commands.backups_kept import opened
    from tagship.reporting import report, table

    store = opened(env)[2]
    probe = f"tagship-probe/{secrets.token_hex(8)}"
    if dry_run:
        report.plan(f"Would store, read, overwrite and delete {probe} in {store.url}.", json=json)
        return
    readable = _readable(store, f"{probe}-read")
    found = store.protection(probe)
    if json:
        print(jsonlib.dumps({"store": store.url, "reads": readable, **asdict(found)}))
        return
    print(f"{store.url} takes backups.")
    for line in (
        "This identity can read backups." if readable else "This identity can't read backups; it needn't.",
        "It can delete backups for good: see Tagship's docs/backups.md for how to prevent that."
        if found.erases
        else "It can delete backups, but their old versions stay."
        if found.hides
        else "It can't delete backups, so another one has to prune.",
        *(f"{note[:1].upper()}{note[1:]}." for note in found.notes),
    ):
        print("\n".join(table.fold(f"- {line}", table.width(), "  ")))


def _readable(store: Store, name: str) -> bool:
    """Whether what was stored can be read. Raises StoreError if it can't be stored, or comes back changed."""
    import contextlib
    import io

    from tagship.backups.store import ReadDeniedError

    store.put(name, io.BytesIO(b"probe"))
    try:
        with store.get(name) as source:
            if source.read(10) != b"probe":
                raise StoreError("The store gives back something else than what was stored.")
    except ReadDeniedError:
        return False
    finally:
        with contextlib.suppress(StoreError):  # a write-only identity may not be allowed to
            store.delete(name)
    return True
