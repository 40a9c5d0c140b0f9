"""What the backup before a migration adds to a deploy, beside what the same backup costs by hand."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyrage

from tests.bench import schema
from tests.bench.ours import Ours
from tests.bench.results import Row
from tests.bench.rows import backup, near
from tests.bench.rows.backup import Stage
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene

SIZE = 0.1
"""GB that pg_dump writes, about."""


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[tuple[Stage, Ours]]:
    """One release on a filled database, its first migration applied."""
    ours = near.ours(bench, who)
    app = ours.app
    bench.rig.reset(bench.host)
    key, store = pyrage.x25519.Identity.generate(), bench.fresh("store")
    store.mkdir()
    schema.prepare(app)
    app.compose["services"]["db"] = backup.database(bench.rig.image("postgis"))
    app.compose["volumes"]["data"] = {}
    app.settings["release"] |= {"services": ["web"], "accessories": ["db"]}
    app.settings["backups"] = {"store": f"file://{store}", "recipients": [str(key.to_public())]}
    app.commit()
    ours.run("accessories.up")
    set_up = Stage(app, bench.host, store, key, raw=False)
    backup.fill(bench.host, set_up.database, SIZE)
    ours.prepare()
    try:
        yield set_up, ours
    finally:
        shutil.rmtree(store)


def deployed(scene: tuple[Stage, Ours]) -> Mapping[str, float]:
    """Two deploys with one pending migration each, with and without the backup; then the backup by hand."""
    set_up, ours = scene
    taken = {}
    for name, migrations, words in (
        ("backed-up-not", ("0001", "0002"), ("--backup", "skip")),
        ("backed-up", ("0001", "0002", "0003"), ()),
    ):
        schema.need(ours.app, *migrations)
        before = len(list(set_up.store.rglob("manifest.json")))
        ours.app.commit()
        taken[name] = ours.run("ship", *words).seconds
        assert len(list(set_up.store.rglob("manifest.json"))) == before + (not words)
    docker = " ".join([*set_up.docker, "exec"])
    dump = f"{docker} {set_up.database} pg_dump -U shop -Fc -Z0 shop"
    by_hand = set_up.pipe(f"{dump} | zstd -q -3 | age -r {set_up.key.to_public()} > {set_up.store / 'raw.age'}")
    return {**taken, "backed-up-by-hand": by_hand, "backed-up-adds": taken["backed-up"] - taken["backed-up-not"]}


SCENE = Scene(
    stage,
    (
        Play(
            deployed,
            (
                Row("backed-up", f"deploy, one migration pending, a backup of {SIZE:g} GB before it"),
                Row("backed-up-not", "the same with `--backup skip`"),
                Row("backed-up-adds", "what the backup adds, read back and compared"),
                Row("backed-up-by-hand", "`pg_dump`, `zstd` and `age` by hand, to a file"),
            ),
            OURS_ALONE,
        ),
    ),
)
