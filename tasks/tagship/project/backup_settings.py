"""The schema of `backups` in tagship.yml: what is backed up, where to, for whom, and how long it is kept."""

from typing import Literal

from pydantic import Field, model_validator

from tagship.project.values import Duration, Strings, Table, Word


class SnapshotSettings(Table):
    """A managed database's own snapshots, one of which may stand in for a backup before migrating."""

    rds: str = Field(description="The name of the instance in Amazon RDS.")
    max_age: Duration = Field(default=3600, description="How old the newest snapshot may be.")
    region: str = Field(default="", description="The instance's region. Default: the one that boto3 finds.")


class DatabaseSettings(Table):
    """The PostgreSQL database of an environment: an accessory, or a managed one."""

    service: str = Field(default="", description="The accessory. Default: the one that runs PostgreSQL.")
    url: str = Field(
        default="", description="For a managed database, the variable or secret with its URL, such as DATABASE_URL."
    )
    image: str = Field(
        default="", description="For a managed database, an image with its major version of pg_dump and its extensions."
    )

    snapshot: SnapshotSettings | None = Field(
        default=None, description="Before migrating, require a fresh snapshot instead of making a backup."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "DatabaseSettings":
        if self.url and (self.service or not self.image):
            msg = "give either `service`, or `url` and `image`"
            raise ValueError(msg)
        return self


class Keep(Table):
    """Which backups `backup.prune` keeps: the newest of each period, in UTC, and the newest few of all."""

    daily: int = Field(default=7, ge=0, description="The newest of each of so many days that have a backup.")
    weekly: int = Field(default=4, ge=0, description="The newest of each of so many weeks, from Monday.")
    monthly: int = Field(default=12, ge=0, description="The newest of each of so many months.")
    last: int = Field(default=3, ge=1, description="So many of the newest backups are never removed.")


class DrillSettings(Table):
    """What a restore drill checks besides row counts, migrations and the release's health check."""

    check: dict[Word, str] = Field(
        default_factory=dict, description="Name → SQL of yours. It must return one row with one value, true."
    )
    max_age: Duration = Field(
        default=0, description="Deploys are refused if the last successful drill is older. 0 for no such rule."
    )


class PointInTimeSettings(Table):
    """When `pitr.status` fails. The database's variables PGBACKREST_… in the Compose file say all the rest."""

    rpo: Duration = Field(default=120, description="The longest time whose writes may be lost with the server.")
    base: Duration = Field(default=172800, description="The greatest age of the newest base backup.")


class BackupSettings(Table):
    """Where backups go, who can read them, what is in them, and how long they are kept."""

    store: str = Field(
        pattern=r"^(s3://[^/]+|ssh://[^/]+/|file:///)\S*$",
        description="s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME], ssh://[USER@]HOST[:PORT]/PATH, or file:///PATH.",
    )
    recipients: Strings = Field(
        default=(), description="age's public keys, age1…; who has one of the private keys can read the backups."
    )
    database: DatabaseSettings | None = Field(
        default=None, description="The database. Default: the accessory that runs PostgreSQL."
    )
    redis: Strings = Field(default=(), description="Accessories whose Redis data is in a backup.")
    volumes: Strings = Field(default=(), description="Volumes of the Compose file that are in a backup.")
    before_migrating: Literal["create", "skip"] = Field(
        default="create", description="Whether a backup is made when migrations are pending, before they are applied."
    )
    keep: Keep = Field(default_factory=Keep, description="Which backups `backup.prune` keeps.")
    drill: DrillSettings = Field(default_factory=DrillSettings, description="What a restore drill checks.")

    point_in_time: PointInTimeSettings = Field(
        default_factory=PointInTimeSettings, description="When the WAL archive counts as failing."
    )

    @model_validator(mode="after")
    def _encrypted(self) -> "BackupSettings":
        if not self.recipients:
            msg = "give at least one public key of age in `recipients`; `age-keygen` makes a pair"
            raise ValueError(msg)
        return self
