"""`nox -s drill-demo`: a database is filled, backed up, spoilt by a migration, and brought back, for real."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from tagship.reporting.table import since, table
from tests.demo.application import Application, build_variables, runtime_variables
from tests.rig import Host, Rig

_ENVIRONMENT = """environments:
  production:
    engine: {engine}
    url: http://{address}
    variables: [.env.build, .env.production]
    edge: {{image: {edge}, https: 0}}
    smoke-within: 6s
backups:
  store: {store}
  recipients: {recipient}
  drill:
    check:
      yields: SELECT min(expected_yield) > 0 FROM properties_property
"""
_FILL = """
INSERT INTO properties_property (reference, title, district, price, expected_yield, area, location, created)
SELECT 'DR-' || i, 'Flat ' || i, 'Porto', 100001 + i * 7, 1 + i % 40 / 10.0, 30 + i % 200,
  ST_SetSRID(ST_MakePoint(-8.6 + i % 100 / 1000.0, 41.1), 4326), now()
FROM generate_series(1, 20000) i;
"""
_CHECKSUM = "SELECT count(*), md5(string_agg(p::text, '|' ORDER BY id)) FROM properties_property p;"
_SPOILS = '''"""Rounds all prices to thousands: what they were before is lost."""

from django.db import migrations


class Migration(migrations.Migration):
    """Can't be reversed."""

    dependencies = (("properties", "0003_price_index"),)
    operations = (migrations.RunSQL("UPDATE properties_property SET price = greatest(1000, round(price, -3))"),)
'''


@dataclass
class Drill:
    """The example on one server of the rig, with its backups in the rig's S3."""

    rig: Rig
    host: Host
    app: Application
    environment: dict[str, str]
    steps: list[tuple[str, str]] = field(default_factory=list)

    def tagship(self, *words: str) -> str:
        """Run the console command on the rig's laptop, as a person would. Returns its output."""
        print(f"\n$ tagship {' '.join(words)}", flush=True)
        done = subprocess.run(
            self.rig.laptop.command([str(Path(sys.executable).with_name("tagship")), *words, "--env", "production"]),
            cwd=self.app.folder,
            env=self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        print(done.stdout, end="", flush=True)
        if done.returncode:
            message = f"tagship {words[0]} ended with {done.returncode}"
            raise SystemExit(message)
        return done.stdout

    def sql(self, command: str) -> str:
        """Run SQL in the accessory."""
        name = "atlas-investor-production-accessories-db-1"
        return self.host.docker("exec", name, "psql", "-U", "atlas", "-d", "atlas", "-qAt", "-c", command).strip()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Time a step for the table at the end."""
        began = time.monotonic()
        yield
        self.steps.append((title, f"{time.monotonic() - began:.1f} s"))


def main() -> None:
    """Set the server up, lose the data, bring it back, print the table."""
    began = time.monotonic()
    with Rig() as rig, tempfile.TemporaryDirectory(prefix="tagship-drill-") as folder:
        host = rig.hosts[0]
        rig.reset(host)
        drill = _stage(rig, host, Path(folder))
        print(f"The stage is set: {time.monotonic() - began:.0f} s.", flush=True)
        last = _play(drill, Path(folder) / "receipt.json")
        rig.reset(host)
    print(f"\n{table(drill.steps, head=('what', 'took'))}")
    print(f"\nDone in {time.monotonic() - began:.0f} s. Nothing of it is left running.")
    print(last)


def _stage(rig: Rig, host: Host, folder: Path) -> Drill:
    key = pyrage.x25519.Identity.generate()
    app = Application(folder / "atlas-investor")
    store = rig.s3.bucket(f"drill-{secrets.token_hex(4)}", locked=True)
    text = _ENVIRONMENT.format(
        engine=host.ssh_url, address=host.address, edge=rig.image("caddy"), store=store, recipient=key.to_public()
    )
    app.configure(text, {"production": runtime_variables(rig, host.address)}, build_variables(rig))
    app.use_registry(f"{rig.registry.address}/atlas")
    made_up = {name: secrets.token_urlsafe(24) for name in ("SECRET_KEY", "POSTGRES_PASSWORD")}
    environment = {**os.environ, **rig.laptop.environment, **rig.s3.variables(), **made_up}
    return Drill(rig, host, app, {**environment, "TAGSHIP_IDENTITY": str(key)})


def _play(drill: Drill, receipt: Path) -> str:
    drill.app.commit("Version 1")
    with drill.step("version 1 live, its database filled"):
        drill.tagship("accessories.up")
        drill.tagship("ship")
        drill.sql(_FILL)
    before = drill.sql(_CHECKSUM)
    with drill.step("backed up to S3 and read back"):
        drill.tagship("backup.create")

    (drill.app.folder / "backend/properties/migrations/0004_round_prices.py").write_text(_SPOILS)
    drill.app.commit("Version 2: prices in thousands, by mistake")
    with drill.step("version 2 live, after a backup of its own"):
        drill.tagship("ship")
    if drill.sql(_CHECKSUM) == before:
        raise SystemExit("The migration changed nothing.")
    with drill.step("rolled back: backup restored, version 1 live"):
        drill.tagship("rollback", "--yes")
    after = drill.sql(_CHECKSUM)
    if after != before:
        message = f"The rows differ: {before} before, {after} after."
        raise SystemExit(message)

    with drill.step("drilled in a throwaway container"):
        drill.tagship("backup.drill", "--receipt", str(receipt))
    told = json.loads(receipt.read_text())
    print(receipt.read_text())
    drill.tagship("history")
    rows, had = (int(text.split("|")[0]) for text in (after, before))
    return f"restored {rows} rows of {had}, RPO {since(told['rpo'])}, RTO {told['rto']:.1f} s"


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped. Nothing of it is left running.")
