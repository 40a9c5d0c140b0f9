"""The schema of `hooks` and `notify` in tagship.yml: what goes beside a deploy."""

from typing import Literal

from pydantic import Field, model_validator

from tagship.project.values import Commands, Duration, Strings, Table

NEWS = ("deployed", "failed", "rolled-back", "maintenance-on", "maintenance-off")
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"


class HookSettings(Table):
    """Commands of the app's own, run on the deployer's machine in tagship.yml's folder."""

    before_build: Commands = Field(default=(), description="Before images are built.")
    after_build: Commands = Field(default=(), description="After they were built.")
    before_deploy: Commands = Field(default=(), description="Before a deploy changes anything.")
    after_deploy: Commands = Field(default=(), description="After a deploy, when it is live and recorded.")
    before_migrate: Commands = Field(default=(), description="Before pending migrations are applied, and backed up.")
    after_migrate: Commands = Field(default=(), description="After they were applied.")
    before_cutover: Commands = Field(default=(), description="When the candidate is proven, before traffic switches.")
    after_cutover: Commands = Field(default=(), description="When traffic has switched.")
    before_rollback: Commands = Field(default=(), description="Before a rollback changes anything.")
    after_rollback: Commands = Field(default=(), description="After a rollback, when it is live and recorded.")
    within: Duration = Field(default=300, description="Time limit of one command, which is then ended.")

    def of(self, name: str) -> tuple[str, ...]:
        """The commands of a hook such as `before-deploy`."""
        found: tuple[str, ...] = getattr(self, name.replace("-", "_"))
        return found


class Receiver(Table):
    """Whom Tagship notifies, and of what."""

    to: Literal["slack", "teams", "discord", "webhook", "email"] = Field(description="The kind of receiver.")
    url: str = Field(
        pattern=_VARIABLE,
        description="The NAME of the environment variable with its URL, which is a secret: an incoming webhook's, or "
        "smtp://USER:PASSWORD@HOST:PORT or smtps://… for email.",
    )
    on: tuple[Literal["deployed", "failed", "rolled-back", "maintenance-on", "maintenance-off"], ...] = Field(
        default=("deployed", "failed", "rolled-back", "maintenance-on", "maintenance-off"),
        description="Of what to notify it. Default: everything.",
    )
    text: str = Field(
        default="",
        description="The text, with {what}, {app}, {environment}, {sha}, {release}, {url}, {by}, {run}, {why} and "
        "{serving}. Default: a sentence or two.",
    )
    secret: str = Field(
        default="",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="For `webhook`: the name of the variable with the key that signs the body.",
    )
    recipients: Strings = Field(default=(), description="For `email`: the addresses it goes to.")
    sender: str = Field(default="", description="For `email`: the address it comes from.")

    @model_validator(mode="after")
    def _addressed(self) -> "Receiver":
        if self.to == "email" and not (self.recipients and self.sender):
            msg = "email needs `sender` and `recipients`"
            raise ValueError(msg)
        return self
