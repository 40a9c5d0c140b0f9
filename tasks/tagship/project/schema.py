"""The schema of tagship.yml: each key with its type, default and description. `project/file.py` reads the file."""

import difflib
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tagship.errors import ConfigError
from tagship.names import Place
from tagship.project.backup_settings import BackupSettings
from tagship.project.beside_settings import HookSettings, Receiver
from tagship.project.build_settings import BuildSettings
from tagship.project.dev_settings import DevSettings
from tagship.project.maintenance_settings import MaintenanceSettings
from tagship.project.migration_settings import MigrationSettings
from tagship.project.preview_settings import PreviewSettings, number_of
from tagship.project.sentry_settings import SentrySettings
from tagship.project.values import (
    Address,
    Command,
    Commands,
    Duration,
    Hosts,
    Networks,
    Percent,
    Prefix,
    Range,
    Reachable,
    Routes,
    Slug,
    Strings,
    Table,
    Word,
    spelt_out,
)


class Coverage(Table):
    """A minimum for a suite's line coverage."""

    report: str = Field(description="Cobertura XML that the suite writes, relative to its directory.")
    minimum: float = Field(ge=0, le=100, description="Line coverage in percent. Below it, the task fails.")


class Suite(Table):
    """One component's tests or lint."""

    run: Commands = Field(description="One or several commands, split as in a shell, run in order.")
    directory: str = Field(default=".", description="The folder they run in, relative to tagship.yml.")
    coverage: Coverage | None = Field(default=None, description="Coverage report and minimum.")
    junit: str = Field(default="", description="JUnit XML that the suite writes, relative to its directory.")


class SecretScan(Table):
    """The search of the repository's history for committed secrets: `lint`'s component `secrets`."""

    when: Literal["auto", "always", "never"] = Field(
        default="auto", description="`auto`: if kingfisher is installed, as the extra `tagship[scan]` does."
    )
    baseline: str = Field(
        default=".secrets-baseline",
        description="A file with what you accept: each line begins with the number of a finding.",
    )
    confidence: Literal["low", "medium", "high"] = Field(
        default="medium", description="How sure kingfisher must be. `low` finds more, and more that is harmless."
    )
    exclude: Strings = Field(default=(), description="Patterns of paths to leave out, such as `*/fixtures/*`.")


class BakeSettings(Table):
    """How long the new release is watched after the cutover, and what happens if Sentry finds it unhealthy."""

    for_: Duration = Field(default=0, alias="for", description="How long. `bake: 10m` is short for `bake: {for: 10m}`.")
    on_unhealthy: Literal["rollback", "report"] = Field(
        default="report", description="With `sentry`: switch back to the old release, or only report it."
    )


class CanarySettings(Table):
    """How long a share of all visitors tries the new release before the cutover, and how well it must do."""

    for_: Duration = Field(
        default=300,
        alias="for",
        gt=0,
        allow_inf_nan=False,
        description="How long, unless `deploy --canary` says it with --for.",
    )
    errors: Percent = Field(
        default=1,
        description="How many more of a hundred of its requests may fail, with a status of 500 and above, than of the "
        "live release's.",
    )


Bake = Annotated[BakeSettings, BeforeValidator(spelt_out, json_schema_input_type=float | str | BakeSettings)]


class ReleaseSettings(Table):
    """What a deploy replaces, and how long its steps may take."""

    services: Strings = Field(
        default=(), description="Services that each deploy replaces. Default: those with `build`."
    )
    accessories: Strings = Field(default=(), description="Long-lived services that no deploy touches.")
    singletons: Strings = Field(
        default=(),
        description="Services that must never run twice: the old container stops first. Default: those of one "
        "container that keep SQLite in a volume.",
    )
    recreate: bool = Field(
        default=False,
        description="Whether two releases may never run at once: the old one stops whole before the new one starts.",
    )
    publish: bool = Field(
        default=False,
        description="Whether `push` also publishes the Compose file, with images by digest, as REGISTRY/release:SHA.",
    )
    migrations: MigrationSettings | None = Field(
        default=None, description="Migrations, applied before the new release starts."
    )
    ready_within: Duration = Field(default=120, description="Time limit for a service to become ready.")
    drain_within: Duration = Field(default=30, description="Time limit for requests in flight to finish.")
    bake: Bake = Field(
        default_factory=BakeSettings,
        description="How the new release is watched after the cutover: a duration, or a table.",
    )
    canary: CanarySettings = Field(
        default_factory=CanarySettings,
        description="What `deploy --canary 10%` means; without `--canary` there is no canary.",
    )


class SmokeCheck(Table):
    """One end-to-end check: a request and the expected answer, or a command."""

    path: str = Field(
        default="", pattern=r"^(/|$)", description="Path below the environment's URL; it begins with a slash."
    )
    method: Literal["GET", "HEAD", "POST"] = Field(default="GET", description="Request method.")
    status: int = Field(default=200, ge=100, le=599, description="Expected status of the answer.")
    contains: str = Field(default="", description="Text the body must contain.")
    json_: dict[str, Any] = Field(default_factory=dict, alias="json", description="JSON path (a.b.0) → value.")
    headers: dict[str, str] = Field(default_factory=dict, description="Header → expected value in the answer.")
    within: Duration = Field(default=10, description="Time limit of one request, or of the command.")
    tls_days: int = Field(default=0, ge=0, description="The certificate must be valid for at least this many days.")
    run: Command = Field(
        default="",
        description="A command instead of a request. It gets SMOKE_URL and exits with 0 if it passes. "
        "SMOKE_HEADER is a header, if one is needed to reach the release: of a candidate, or during maintenance. "
        "It has no terminal and no input; when its time is over, it ends with all in its process group.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "SmokeCheck":
        if bool(self.path) == bool(self.run):
            msg = "give either `path` or `run`"
            raise ValueError(msg)
        return self


class EdgeSettings(Table):
    """The reverse proxy of a server, shared by all its apps."""

    image: str = Field(default="caddy:2", description="Caddy 2.8 or later, with a shell and nc. 2.11.2 drains faster.")
    http: int = Field(default=80, description="Published port for HTTP; 0 for none.")
    https: int = Field(default=443, description="Published port for HTTPS; 0 for none.")
    tls: Literal["acme", "internal"] = Field(default="acme", description="Who signs certificates.")
    networks: Range = Field(default="10.213.0.0/16", description="Address range for Tagship's networks, /19 or wider.")
    bind: Address = Field(default="", description="The server's address to publish the ports at. Default: every one.")
    behind: Networks = Field(
        default=(),
        description="IP addresses and networks of the proxy or load balancer before the edge. It has the certificate "
        "of an https:// URL and reaches the edge by HTTP; the edge believes its X-Forwarded headers.",
    )


class Settings(Table):
    """Settings for all environments, which each environment can override."""

    registry: Prefix = Field(default="", description="Repository prefix, or `embedded`; the tag is always the SHA.")
    registry_insecure: bool = Field(
        default=False,
        description="Whether to use HTTP, with passwords unencrypted. A registry on this machine may always use it.",
    )
    registry_image: str = Field(default="registry:2", description="Image of the embedded registry.")
    compose: Strings = Field(default=("docker-compose.yml",), description="Compose files, merged in this order.")
    variables: Strings = Field(default=(), description="Files with NAME=value lines for the Compose file.")
    secrets: Strings = Field(
        default=("env://",),
        description="Where secrets come from, one URI or several, of which later ones override earlier ones: env://, "
        "dotenv://, aws-sm://, aws-ssm://, vault://, sops:// or command://.",
    )
    rotate_after: Duration = Field(
        default=0,
        description="A secret older than this is reported, e.g. `90d`, if its store knows its age. 0 for never.",
    )
    release: ReleaseSettings = Field(default_factory=ReleaseSettings, description="What a deploy replaces.")
    routes: Routes = Field(
        default_factory=dict,
        description="Path → SERVICE:PORT, served by the edge. With a slash behind it, the app doesn't see the path's "
        "beginning: `/shop/*: web:8000/`.",
    )
    assets: Routes = Field(
        default_factory=dict,
        description="Path → SERVICE:FOLDER with files that stay available for a week after their release was replaced.",
    )
    allow: Strings = Field(
        default=(),
        description="Risks of the Compose file that you accept: SERVICE:WHAT, as the error message names them.",
    )
    smoke: tuple[SmokeCheck, ...] = Field(default=(), description="The checks that a release must pass.")
    smoke_within: Duration = Field(
        default=15, description="Time limit for all smoke checks, which are retried until then."
    )
    keep: int = Field(default=5, ge=1, description="Stopped releases kept for rollback.")
    edge: EdgeSettings = Field(default_factory=EdgeSettings, description="The server's reverse proxy.")
    maintenance: MaintenanceSettings = Field(
        default_factory=MaintenanceSettings, description="What visitors get during `maintenance.on`."
    )
    sentry: SentrySettings | None = Field(default=None, description="Report releases and deploys to Sentry.")
    console: dict[str, Command] = Field(
        default_factory=dict,
        description="Service → the command that `console` runs in its image. Default for Django: `manage.py shell`.",
    )
    hooks: HookSettings = Field(
        default_factory=HookSettings, description="Commands of your own, before and after the stages of a deploy."
    )
    notify: tuple[Receiver, ...] = Field(default=(), description="Whom to notify of deploys, failures and maintenance.")
    backups: BackupSettings | None = Field(default=None, description="Backups of the database and other data.")


class Environment(Settings):
    """A place where releases run."""

    name: Word = Field(default="unnamed", exclude=True, description="Its key in `environments`.")
    app: Slug = Field(default="unnamed", exclude=True, description="The application's name, as the top level says.")
    engine: Reachable = Field(
        pattern=r"^(local|ssh://\S+)$",
        description="`local`, or ssh://[USER@]HOST[:PORT][/SOCKET]; default socket: /var/run/docker.sock.",
    )
    url: Reachable = Field(
        pattern=r"^https?://[^/\s]+/?$", description="The URL where people reach it, http:// or https://HOST[:PORT]."
    )
    hosts: Hosts = Field(default=(), description="Other host names that reach the app, by the URL's scheme and port.")
    redirect_hosts: Hosts = Field(
        default=(), description="Host names that are redirected (308) to the URL, such as the one with www."
    )
    branch: str = Field(default="", description="Pushes to this branch are deployed here.")
    promote_from: str = Field(
        default="",
        description="The environment where releases go first. It isn't checked yet whether they did; so far, this only "
        "refuses uncommitted changes.",
    )
    approval: Literal["none", "required"] = Field(default="none", description="Whether a person must approve deploys.")

    @property
    def place(self) -> Place:
        """The app and environment that everything is named after."""
        return Place(self.app, self.name)


class Config(Settings):
    """The whole of tagship.yml."""

    app: Slug = Field(description="The application's name: a-z, 0-9 and -.")
    build: BuildSettings = Field(
        default_factory=BuildSettings, description="Caches and attestations of builds: Tagship's docs/builds.md."
    )
    test: dict[Slug, Suite] = Field(default_factory=dict, description="Component → its tests.")
    lint: dict[Slug, Suite] = Field(default_factory=dict, description="Component → its linters.")
    secret_scan: SecretScan = Field(
        default_factory=SecretScan, description="Search the history for committed secrets, with `lint`."
    )
    dev: DevSettings = Field(default_factory=DevSettings, description="The application on the developer's machine.")
    environments: dict[Word, Environment] = Field(min_length=1, description="Where releases run.")
    previews: PreviewSettings | None = Field(
        default=None, description="Throw-away environments of pull requests: Tagship's docs/previews.md."
    )

    def environment(self, name: str) -> Environment:
        """The environment of that name, which may be a preview's. Raises ConfigError with the known names."""
        if not name:
            raise ConfigError(
                "No environment is given.", hint=f"pass --env NAME; use one of: {', '.join(self.environments)}"
            )
        if self.previews and (number := number_of(name)):
            return self.previews.preview(self.environments[self.previews.like], number)
        if name not in self.environments:
            near = difflib.get_close_matches(name, self.environments, 1)
            hint = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(self.environments)}"
            raise ConfigError(f"tagship.yml has no environment {name!r}.", hint=hint)
        return self.environments[name]

    def brought(self, name: str) -> Environment:
        """An environment to bring something new. Raises ConfigError for a preview, which `preview.up` has to let in."""
        settings = self.environment(name)
        if self.previews and (number := number_of(name)):
            raise ConfigError(
                f"{name} is a preview: only preview.up looks at how many there may be, and at what they would share.",
                hint=f"run `tagship preview.up {number}`",
            )
        return settings
