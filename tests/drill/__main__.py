"""`nox -s drill-demo`: a database is filled, backed up, spoilt by a migration, and brought back, for real."""

import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from tagship.reporting.table import since, table
from tests.drill import second
from tests.drill.stage import Drill, stage
from tests.rig import Rig

_FILL = """
INSERT INTO properties_property (reference, title, district, price, expected_yield, area, location, created)
SELECT 'DR-' || i, 'Flat ' || i, 'Porto', 100001 + i * 7, 1 + i % 40 / 10.0, 30 + i % 200,
  ST_SetSRID(ST_MakePoint(-8.6 + i % 100 / 1000.0, 41.1), 4326), now()
FROM generate_series(1, 20000) i;
"""
_SPOILS = '''"""Rounds all prices to thousands: what they were before is lost."""

from django.db import migrations


class Migration(migrations.Migration):
    """Can't be reversed."""

    dependencies = (("properties", "0003_price_index"),)
    operations = (migrations.RunSQL("UPDATE properties_property SET price = greatest(1000, round(price, -3))"),)
'''


def main() -> None:
    """Set the server up, lose the data, bring it back, print the table."""
    began = time.monotonic()
    with Rig() as rig, tempfile.TemporaryDirectory(prefix="tagship-drill-") as folder:
        host = rig.hosts[0]
        rig.reset(host)
        drill = stage(rig, host, Path(folder))
        print(f"The stage is set: {time.monotonic() - began:.0f} s.", flush=True)
        last = _play(drill, Path(folder) / "receipt.json")
        rig.reset(host)
    print(f"\n{table(drill.steps, head=('what', 'took'))}")
    print(f"\nDone in {time.monotonic() - began:.0f} s. Nothing of it is left running.")
    print(last)


def _play(drill: Drill, receipt: Path) -> str:
    drill.app.commit("Version 1")
    with drill.step("version 1 live, its database filled"):
        drill.tagship("accessories.up")
        drill.tagship("ship")
        drill.sql(_FILL)
    with drill.step("first base backup of the WAL archive"):
        drill.tagship("pitr.base")
    before = drill.checksum
    with drill.step("backed up to S3 and read back"):
        drill.tagship("backup.create")

    (drill.app.folder / "backend/properties/migrations/0004_round_prices.py").write_text(_SPOILS)
    drill.app.commit("Version 2: prices in thousands, by mistake")
    with drill.step("version 2 live, after a backup of its own"):
        drill.tagship("ship")
    if drill.checksum == before:
        raise SystemExit("The migration changed nothing.")
    with drill.step("rolled back: backup restored, version 1 live"):
        drill.tagship("rollback", "--yes")
    after = drill.checksum
    if after != before:
        message = f"The rows differ: {before} before, {after} after."
        raise SystemExit(message)

    with drill.step("drilled in a throwaway container"):
        drill.tagship("backup.drill", "--receipt", str(receipt))
    told = json.loads(receipt.read_text())
    print(receipt.read_text())
    with drill.step("back to a second before a mistake"):
        second.go_back(drill)
    drill.tagship("history")
    rows, had = (int(text.split("|")[0]) for text in (after, before))
    return f"restored {rows} rows of {had}, RPO {since(told['rpo'])}, RTO {told['rto']:.1f} s"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a job that is cancelled leaves nothing, either
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped. Nothing of it is left running.")
