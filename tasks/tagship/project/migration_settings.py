"""The schema of `release.migrations` in tagship.yml: how migrations are listed, judged, applied and reversed."""

from typing import Literal

from pydantic import Field, model_validator

from tagship.project.values import Command, Duration, Strings, Table


class MigrationLint(Table):
    """A program that judges the SQL of pending migrations before they are applied."""

    run: Command = Field(
        description="A command for each migration, run here, in tagship.yml's folder. It reads the SQL from stdin, "
        "prints what it finds, and exits with 0 if that is nothing. MIGRATION has the name."
    )
    level: Literal["warn", "block"] = Field(
        default="warn", description="What happens if it finds something: the deploy shows it, or is refused."
    )


class CredentialSettings(Table):
    """Credentials that Vault's database engine makes for one migration, and revokes after it."""

    lease: str = Field(
        pattern=r"^vault://\S+$", description="vault://MOUNT/creds/ROLE, with the options of a `vault://` secret."
    )
    variables: dict[str, str] = Field(
        min_length=1,
        description="Variable → text with {username} and {password}, set only where migrations are applied or "
        "reversed. In a text with `://`, both are percent-encoded.",
    )


class MigrationSettings(Table):
    """How the app's database migrations are listed and applied."""

    service: str = Field(description="The service whose image holds the migrations.")
    framework: Literal["django", "command"] = Field(
        default="command", description="`django`, or `command` with the commands below."
    )
    pending: Command = Field(
        default="", description="A command that prints one pending migration per line, and nothing if there is none."
    )
    apply: Command = Field(default="", description="A command that applies pending migrations.")
    list_: Command = Field(
        default="",
        alias="list",
        description="A command that prints the applied migrations, one per line, the last one last.",
    )
    reverse: Command = Field(
        default="",
        description="A command that reverses the last {count} migrations; {target} is the one to go back to.",
    )
    sql: Command = Field(default="", description="A command that prints the SQL of the pending migrations.")
    lint: MigrationLint | None = Field(default=None, description="Judges the SQL of pending migrations.")
    credentials: CredentialSettings | None = Field(
        default=None, description="Database credentials that exist only while migrations are applied."
    )
    compatible: Strings = Field(
        default=(), description="Migrations after which the release before runs, although they do more than add."
    )
    lock_timeout: str = Field(default="5s", description="PostgreSQL's lock_timeout during migrations.")
    lock_retries: int = Field(
        default=10, ge=0, description="How often `apply` is repeated after a lock timeout, and after no other error."
    )
    lock_retries_within: Duration = Field(default=300, description="Time after which it isn't repeated any more.")
    statement_timeout: str = Field(
        default="", description="PostgreSQL's statement_timeout during migrations. Default: the database's own."
    )

    @model_validator(mode="after")
    def _complete(self) -> "MigrationSettings":
        if self.framework == "command" and not (self.pending and self.apply):
            msg = "give `framework: django`, or both `pending` and `apply`"
            raise ValueError(msg)
        return self
