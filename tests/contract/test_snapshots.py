"""A managed database's snapshot stands in for a backup if it is fresh; moto answers in place of RDS."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from tagship.backups import snapshots
from tagship.errors import BackupError
from tagship.project.backup_settings import SnapshotSettings

WANTED = SnapshotSettings.model_validate({"rds": "shop", "max-age": "1h", "region": "eu-west-1"})


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Amazon in this process, and nobody's real credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def database(name: str = "shop") -> None:
    """An instance, with the automatic snapshot that RDS makes of a new one."""
    boto3.client("rds", region_name="eu-west-1").create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", MasterUsername="u",
        MasterUserPassword="long enough", AllocatedStorage=20,
    )  # fmt: skip


def snapshot(name: str, of: str = "shop") -> None:
    """A snapshot made now."""
    boto3.client("rds", region_name="eu-west-1").create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=of)


def test_a_fresh_snapshot_stands_in_for_a_backup() -> None:
    database()
    snapshot("nightly")

    assert snapshots.fresh(WANTED, datetime.now(UTC)).name == "nightly"


def test_an_old_snapshot_does_not_and_the_error_says_how_to_make_one() -> None:
    database()
    snapshot("nightly")

    with pytest.raises(BackupError, match="its newest one is of 2") as caught:
        snapshots.fresh(WANTED, datetime.now(UTC) + timedelta(hours=2))

    assert "aws rds create-db-snapshot --db-instance-identifier shop" in caught.value.hint


def test_another_databases_snapshot_does_not_count() -> None:
    database("other")
    snapshot("others", "other")

    with pytest.raises(BackupError, match="it has none"):
        snapshots.fresh(WANTED, datetime.now(UTC))
