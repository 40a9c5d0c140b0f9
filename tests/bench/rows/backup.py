"""A database of PostGIS, backed up and restored, beside the raw pipe of pg_dump, zstd and age."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage

from tests.bench.ours import ENVIRONMENT
from tests.bench.results import FLOOR, NOW, Row
from tests.bench.rows import near
from tests.bench.scene import Bench, Play, Scene
from tests.hello import Hello
from tests.rig import Host

SIZE = float(os.environ.get("TAGSHIP_BENCH_DATABASE", "2"))
"""GB that pg_dump writes, about."""
_ROWS_A_GB = 5_000_000
_APP = "bench-data"
_FILL = """
CREATE TABLE flat (
  id bigserial PRIMARY KEY, name text, note text, price int, at geometry(Point, 4326), made timestamptz
);
INSERT INTO flat (name, note, price, at, made)
SELECT 'Flat ' || i, md5(i::text) || md5((i * 7)::text) || ' near the river in ' || (i % 300), i % 1000000,
  ST_SetSRID(ST_MakePoint(-9 + random(), 38 + random()), 4326), now() - (i || ' s')::interval
FROM generate_series(1, {rows}) i;
VACUUM ANALYZE flat;
"""


@dataclass(frozen=True)
class Stage:
    """A filled database on the server, and both ways to back it up."""

    app: Hello
    host: Host
    store: Path
    key: pyrage.x25519.Identity
    raw: bool

    @property
    def docker(self) -> list[str]:
        """The client on the laptop, at the server's engine over SSH."""
        return ["docker", "--host", self.host.ssh_url]

    @property
    def database(self) -> str:
        """The accessory's container."""
        return f"{self.app.name}-{ENVIRONMENT}-accessories-db-1"

    def pipe(self, script: str) -> float:
        """Run a pipe on the laptop. Returns its seconds."""
        began = time.perf_counter()
        argv = self.app.rig.laptop.command(["bash", "-o", "pipefail", "-c", script])
        subprocess.run(argv, check=True, env=self.app.rig.laptop.environment, stderr=subprocess.PIPE)
        return time.perf_counter() - began

    def task(self, *words: str) -> tuple[float, float]:
        """Run a task. Returns its seconds, and the most memory that it had, in MB."""
        began = time.perf_counter()
        process = self.app.start(*words, "--env", ENVIRONMENT, "--json")
        _, status, used = os.wait4(process.pid, 0)
        assert status == 0, f"{words[0]} ended with {status}"
        return time.perf_counter() - began, used.ru_maxrss / 1000

    def forget(self, name: str) -> None:
        """Drop a database."""
        self.host.docker("exec", self.database, "dropdb", "-U", "shop", "--if-exists", name)


def database(image: str) -> dict[str, Any]:
    """The accessory, as Compose describes it."""
    return {
        "image": image,
        "environment": {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "not-guessed-by-anybody"},
        "volumes": ["data:/var/lib/postgresql/data"],
        "shm_size": "256m",
        "healthcheck": {"test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "shop"], "interval": "1s"},
    }


def fill(host: Host, container: str, size: float) -> None:
    """Fill it with so many GB, about, as pg_dump writes them."""
    host.docker("exec", container, "psql", "-qU", "shop", "-c", "ALTER SYSTEM SET fsync = off")
    host.docker("restart", container)
    time.sleep(5)
    for command in _FILL.format(rows=int(size * _ROWS_A_GB)).strip().split(";\n"):
        host.docker("exec", container, "psql", "-qU", "shop", "-c", command)


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Stage]:
    """The database is filled once and stays for later rounds, as that takes minutes."""
    missing = [name for name in ("zstd", "age") if not shutil.which(name)]
    assert not missing, f"install {', '.join(missing)} for the raw pipe"
    ours = near.ours(bench, NOW if who == FLOOR else who)
    app = Hello(bench.rig, bench.fresh("data"), _APP)
    app.program = ours.app.program
    app.settings["environments"] = ours.app.settings["environments"]
    app.compose["services"]["db"] = database(bench.rig.image("postgis"))
    app.compose["volumes"] = {"data": {}}
    key = pyrage.x25519.Identity.generate()
    store = bench.fresh("store")
    store.mkdir()
    app.settings["release"] = {"services": ["web"], "accessories": ["db"]}
    app.settings["backups"] = {"store": f"file://{store}", "recipients": [str(key.to_public())]}
    app.environment = {"TAGSHIP_IDENTITY": str(key)}
    app.commit()
    ready = Stage(app, bench.host, store, key, who == FLOOR)
    if not bench.host.docker("ps", "-q", "--filter", f"name={ready.database}"):
        bench.rig.reset(bench.host)
        app.tagship("accessories.up", "--env", ENVIRONMENT)
        fill(bench.host, ready.database, SIZE)
    app.run("lock.release", "--env", ENVIRONMENT)
    try:
        yield ready
    finally:
        shutil.rmtree(store)


def raw(scene: Stage) -> Mapping[str, float]:
    """What a person would type, to a file and back."""
    file, key = scene.store / "raw.age", scene.store / "key"
    key.write_text(f"{scene.key}\n")
    docker = " ".join([*scene.docker, "exec"])
    dump = f"{docker} {scene.database} pg_dump -U shop -Fc -Z0 shop"
    backup = scene.pipe(f"{dump} | zstd -q -3 | age -r {scene.key.to_public()} > {file}")
    scene.host.docker("exec", scene.database, "createdb", "-U", "shop", "-T", "template0", "back")
    load = f"{docker} -i {scene.database} pg_restore -U shop -e -d back"
    try:
        restore = scene.pipe(f"age -d -i {key} {file} | zstd -q -d | {load}")
    finally:
        scene.forget("back")
    return {"backup": backup, "restore": restore}


def ours(scene: Stage) -> Mapping[str, float]:
    """The tasks, with all that they check."""
    backup, memory = scene.task("backup.create")
    try:
        restore, _ = scene.task("backup.restore", "--into", "back")
    finally:
        scene.forget("back")
    (made,) = scene.store.rglob("manifest.json")
    assert json.loads(made.read_text())["verified"] == "read back"
    return {"backup": backup, "restore": restore, "backup-memory": memory}


def measured(scene: Stage) -> Mapping[str, float]:
    """Either way."""
    return raw(scene) if scene.raw else ours(scene)


_BACKUP = Row("backup", f"backup of a database of {SIZE:g} GB, read back (floor: pg_dump, zstd, age, to a file)")
_RESTORE = Row("restore", "restore of it into a new database, compared (floor: age, zstd, pg_restore)")
_MEMORY = Row("backup-memory", "most memory of the backup's process", unit="MB", aim="≤ 150 MB")
SCENE = Scene(stage, (Play(measured, (_BACKUP, _RESTORE, _MEMORY), frozenset({NOW, FLOOR})),))
