"""Finds the newest snapshot of a managed database, which may stand in for a backup before migrating."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tagship.errors import BackupError, StoreError
from tagship.project.backup_settings import SnapshotSettings

if TYPE_CHECKING:
    from types_boto3_rds import RDSClient

PREFIX = "rds:"
"""What the id of such a snapshot begins with in the ledger."""


@dataclass(frozen=True)
class Snapshot:
    """One that can be restored."""

    name: str
    at: datetime


def fresh(wanted: SnapshotSettings, now: datetime) -> Snapshot:
    """The newest snapshot. Raises BackupError if it is too old or there is none, StoreError if nobody answers."""
    newest = max(_available(wanted), key=lambda snapshot: snapshot.at, default=None)
    oldest = now - timedelta(seconds=wanted.max_age)
    if newest and newest.at >= oldest:
        return newest
    found = f"its newest one is of {newest.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if newest else "it has none"
    raise BackupError(
        f"{wanted.rds} has no snapshot that is fresh enough: {found}.",
        hint=f"create one with `aws rds create-db-snapshot --db-instance-identifier {wanted.rds} "
        f"--db-snapshot-identifier {wanted.rds}-{now:%Y%m%d-%H%M}`, and deploy when it is available",
    )


def _available(wanted: SnapshotSettings) -> list[Snapshot]:
    """The finished snapshots of an instance, automatic ones included."""
    try:
        pages = _client(wanted).get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=wanted.rds)
        return [
            Snapshot(found["DBSnapshotIdentifier"], found["SnapshotCreateTime"])
            for page in pages
            for found in page["DBSnapshots"]
            if found["Status"] == "available" and found["DBInstanceIdentifier"] == wanted.rds
        ]
    except ClientError as error:
        said = error.response.get("Error", {})
        raise StoreError(
            f"RDS refuses to list the snapshots of {wanted.rds}: {said.get('Code')} {said.get('Message')}",
            hint="give the identity rds:DescribeDBSnapshots",
        ) from None
    except BotoCoreError as error:
        raise StoreError(
            f"The snapshots of {wanted.rds} can't be listed: {str(error).rstrip('.')}.",
            hint="check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the region, or the role that boto3 finds",
        ) from None


def _client(wanted: SnapshotSettings) -> "RDSClient":
    config = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.Session().client("rds", region_name=wanted.region or None, config=config)
