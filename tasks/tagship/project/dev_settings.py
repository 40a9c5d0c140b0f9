"""The schema of `dev` in tagship.yml: the application on the developer's machine."""

from pydantic import Field

from tagship.project.values import Command, Duration, Strings, Table


class DevSettings(Table):
    """What `dev.*` can't recognise. Commands are split as in a shell, and run in the service's container."""

    compose: Strings = Field(
        default=(), description="Compose files. Default: those that `docker compose` reads by itself."
    )
    service: str = Field(
        default="",
        description="The service that the commands run in. Default: the one with migrations, or that is built from a "
        "known framework.",
    )
    migrate: Command = Field(
        default="", description="Applies migrations. Known for Django, Alembic, Rails and Laravel."
    )
    makemigrations: Command = Field(default="", description="Writes migrations. Known for the same.")
    superuser: Command = Field(default="", description="Creates an administrator. Known for Django.")
    shell: Command = Field(default="", description="The framework's shell. Known for the same as `migrate`.")
    test: Command = Field(default="", description="Runs the tests. Known for what `init` recognises.")
    within: Duration = Field(default=180, description="Time limit of `dev.up` for the services to become healthy.")
