"""A WAL archive of the example's database, and the way back to a second before a mistake."""

import json
import secrets
import time
from typing import TYPE_CHECKING

from tests.demo.application import Application
from tests.rig import Rig

if TYPE_CHECKING:
    from tests.drill.stage import Drill

_ARCHIVED = """services:
  db:
    command: >-
      postgres -c archive_mode=on -c archive_timeout=2s -c archive_command='pgbackrest archive-push %p'
    environment:
      PGBACKREST_STANZA: atlas
      PGBACKREST_PG1_PATH: /var/lib/postgresql/data
      PGBACKREST_PG1_USER: atlas
      PGBACKREST_REPO1_TYPE: s3
      PGBACKREST_REPO1_PATH: /
      PGBACKREST_REPO1_S3_BUCKET: {bucket}
      PGBACKREST_REPO1_S3_ENDPOINT: {endpoint}
      PGBACKREST_REPO1_S3_REGION: us-east-1
      PGBACKREST_REPO1_S3_URI_STYLE: path
      PGBACKREST_REPO1_S3_KEY: {key}
      PGBACKREST_REPO1_S3_KEY_SECRET: ${{WAL_S3_SECRET:?}}
      PGBACKREST_REPO1_STORAGE_VERIFY_TLS: "n" # the certificate of this server is its own
      PGBACKREST_REPO1_CIPHER_TYPE: aes-256-cbc
      PGBACKREST_REPO1_CIPHER_PASS: ${{WAL_PASSPHRASE:?}}
      PGBACKREST_REPO1_BUNDLE: y
      PGBACKREST_REPO1_RETENTION_FULL: 2
      PGBACKREST_COMPRESS_TYPE: zst
      PGBACKREST_LOG_LEVEL_FILE: "off"
      PGBACKREST_LOCK_PATH: /tmp/pgbackrest
"""
_WAL = "docker-compose.wal.yml"
_PROPERTY = """
INSERT INTO properties_property (reference, title, district, price, expected_yield, area, location, created)
SELECT '{0}', 'Written {0} the second', 'Porto', 100001, 4, 80, ST_SetSRID(ST_MakePoint(-8.6, 41.1), 4326), now();
"""
_NEXT_SECOND = "SELECT to_char((clock_timestamp() + '1 s') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')"
_WRITTEN = "SELECT string_agg(reference, ', ' ORDER BY id) FROM properties_property WHERE title LIKE 'Written %'"


def archive(rig: Rig, app: Application) -> None:
    """Let the database archive its WAL into a bucket of its own."""
    bucket = f"wal-{secrets.token_hex(4)}"
    rig.s3.bucket(bucket)
    text = _ARCHIVED.format(bucket=bucket, endpoint=rig.s3.tls_url, key=rig.s3.key("keeper")[0])
    (app.folder / _WAL).write_text(text)
    app.replace("tagship.yml", "docker-compose.deploy.yml]", f"docker-compose.deploy.yml, {_WAL}]")


def go_back(drill: "Drill") -> None:
    """Delete all rows by mistake, and recover the second before it; a row on either side of it shows that."""
    drill.sql(_PROPERTY.format("BEFORE"))
    second = drill.sql(_NEXT_SECOND)
    before = drill.checksum
    while drill.sql(f"SELECT clock_timestamp() > '{second}'") == "f":
        time.sleep(0.1)
    drill.sql("DELETE FROM properties_property")
    drill.sql(_PROPERTY.format("AFTER"))
    print(f"\nBefore {second}, a row was written: BEFORE. Since then all were deleted, and one was written: AFTER.")
    wal = drill.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
    while drill.sql("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver") < wal:
        time.sleep(0.2)

    receipt = json.loads(drill.tagship("pitr.recover", "--at", second, "--json"))
    volume = receipt["volume"].partition("_")[2]
    with (drill.app.folder / _WAL).open("a") as file:
        file.write(f"    volumes: ['{volume}:/var/lib/postgresql/data']\nvolumes: {{{volume}: }}\n")
    drill.app.commit("Use the recovered volume")
    drill.tagship("accessories.recreate", "--name", "db", "--yes")
    print(f"\nNow there is: {drill.sql(_WRITTEN)}. Rows and checksum: {drill.checksum}")
    if drill.sql(_WRITTEN) != "BEFORE" or drill.checksum != before:
        raise SystemExit("The recovered second isn't what it was.")
