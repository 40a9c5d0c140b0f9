"""What tagship.yml may say: each key, its type, default and description. `config_file` reads it."""

import difflib
import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tagship.errors import ConfigError
from tagship.names import Place

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
NARROWEST_RANGE = 19


def seconds(value: object) -> object:
    """`500ms`, `2s`, `1m30s` or a number of seconds, as seconds."""
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            msg = f"{value!r} is no duration: write 500ms, 2s or 1m30s"
            raise ValueError(msg)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    return value


def listed(value: object) -> object:
    """One value where a list may stand."""
    return [value] if isinstance(value, str) else value


def mapped(value: object) -> object:
    """Routes are a mapping, as people see when they wrote a list."""
    if isinstance(value, list):
        msg = "write one route a line, PATH: SERVICE:PORT, without `- `"
        raise ValueError(msg)  # noqa: TRY004 - what pydantic collects
    return value


def prefix(value: str) -> str:
    """A registry is named as images are: HOST/PATH."""
    if "://" in value:
        msg = f"{value!r} won't do: write {value.partition('://')[2]!r}, as in an image's name"
        raise ValueError(msg)
    return value.rstrip("/")


def spelt_out(value: object) -> object:
    """`bake: 10m` is `bake: {for: 10m}`."""
    return {"for": value} if isinstance(value, str | int | float) else value


Duration = Annotated[float, Field(ge=0), BeforeValidator(seconds, json_schema_input_type=float | str)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=32)]
Word = Annotated[str, Field(pattern=r"^[a-z0-9]+$", max_length=32)]
"""An environment's name: without a hyphen, so that app `a-b` in `c` can't be taken for app `a` in `b-c`."""
Routes = Annotated[dict[str, str], BeforeValidator(mapped, json_schema_input_type=dict[str, str])]
Prefix = Annotated[str, AfterValidator(prefix)]
Strings = Annotated[tuple[str, ...], BeforeValidator(listed, json_schema_input_type=str | tuple[str, ...])]


class Table(BaseModel):
    """A mapping of tagship.yml: unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,  # `--list` needs no validators
        alias_generator=lambda name: name.replace("_", "-"),
    )


class Coverage(Table):
    """A floor under a suite's line coverage."""

    report: str = Field(description="Cobertura XML that the suite writes, relative to its directory.")
    minimum: float = Field(ge=0, le=100, description="Line coverage in percent; below it the task fails.")


class Suite(Table):
    """One component's tests or lint."""

    run: Strings = Field(description="One command or several, each split as a shell would; run in order.")
    directory: str = Field(default=".", description="Where they run, relative to tagship.yml.")
    coverage: Coverage | None = Field(default=None, description="Coverage report and floor.")
    junit: str = Field(default="", description="JUnit XML that the suite writes, relative to its directory.")


class MigrationSettings(Table):
    """How the database schema is brought to a release."""

    service: str = Field(description="The service whose new image holds the migrations.")
    framework: Literal["django", "command"] = Field(default="command", description="`django`, or commands below.")
    pending: str = Field(default="", description="Prints one pending migration a line; nothing when there is none.")
    apply: str = Field(default="", description="Applies what is pending.")
    lock_timeout: str = Field(default="5s", description="PostgreSQL's lock_timeout while migrating.")

    @model_validator(mode="after")
    def _complete(self) -> "MigrationSettings":
        if self.framework == "command" and not (self.pending and self.apply):
            msg = "give `framework: django`, or both `pending` and `apply`"
            raise ValueError(msg)
        return self


class BakeSettings(Table):
    """How long the new release is watched after cutover, and what follows when Sentry finds it unhealthy."""

    for_: Duration = Field(default=0, alias="for", description="How long; a bare duration means this.")
    on_unhealthy: Literal["rollback", "report"] = Field(
        default="report", description="With `sentry`: go back to the old release, or only say so."
    )


Bake = Annotated[BakeSettings, BeforeValidator(spelt_out, json_schema_input_type=float | str | BakeSettings)]


class ReleaseSettings(Table):
    """What a deploy replaces, and how patiently."""

    services: Strings = Field(default=(), description="Replaced by each deploy; default: those with `build`.")
    accessories: Strings = Field(default=(), description="Long-lived services that no deploy touches.")
    singletons: Strings = Field(default=(), description="Never two at once: the old one stops first.")
    migrations: MigrationSettings | None = Field(default=None, description="Run before the new release starts.")
    ready_within: Duration = Field(default=120, description="How long a service may take to become ready.")
    drain_within: Duration = Field(default=30, description="How long requests in flight may take to finish.")
    bake: Bake = Field(
        default_factory=BakeSettings, description="How the new release is watched after cutover; a duration, or:"
    )


class SmokeCheck(Table):
    """One end-to-end check: a request and what its answer must be, or a command of the app's own."""

    path: str = Field(default="", description="Path below the environment's URL.")
    method: Literal["GET", "HEAD", "POST"] = Field(default="GET", description="Request method.")
    status: int = Field(default=200, ge=100, le=599, description="Status the answer must have.")
    contains: str = Field(default="", description="Text the body must contain.")
    json_: dict[str, Any] = Field(default_factory=dict, alias="json", description="JSON path (a.b.0) → value.")
    headers: dict[str, str] = Field(default_factory=dict, description="Header → value the answer must have.")
    within: Duration = Field(default=10, description="Time limit of one request.")
    tls_days: int = Field(default=0, ge=0, description="The certificate must be valid for this many days more.")
    run: str = Field(default="", description="A command instead of a request; gets SMOKE_URL, exits 0 when well.")

    @model_validator(mode="after")
    def _one_kind(self) -> "SmokeCheck":
        if bool(self.path) == bool(self.run):
            msg = "give either `path` or `run`"
            raise ValueError(msg)
        return self


def _range(value: str) -> str:
    """Refuse what networks can't be cut from: the edge's is a /20, and the others come behind it."""
    network = ipaddress.IPv4Network(value)
    if network.prefixlen > NARROWEST_RANGE:
        msg = f"{value} is too narrow: /{NARROWEST_RANGE} or wider, as half of that is for the edge alone"
        raise ValueError(msg)
    return value


class EdgeSettings(Table):
    """The reverse proxy of a server, shared by all its apps."""

    image: str = Field(default="caddy:2", description="Caddy 2.8 or later, with a shell and nc; 2.11.2 drains quicker.")
    http: int = Field(default=80, description="Published port for HTTP; 0 for none.")
    https: int = Field(default=443, description="Published port for HTTPS; 0 for none.")
    tls: Literal["acme", "internal"] = Field(default="acme", description="Who signs certificates.")
    networks: Annotated[str, AfterValidator(_range)] = Field(
        default="10.213.0.0/16", description="Range that Tagship's networks are cut from, /19 or wider."
    )


class SourceMaps(Table):
    """A frontend's source maps, taken from its built image."""

    service: str = Field(description="The service whose image holds them.")
    project: str = Field(default="", description="The Sentry project they belong to; all of them if left out.")
    served: str = Field(pattern="^/", description="Folder of the image that is served: bundles with debug ids.")
    maps: str = Field(pattern="^/", description="Folder of the image with their maps, outside of what is served.")


class WatchSettings(Table):
    """What a healthy release may look like in Sentry, beside the release before it."""

    new_issues: int = Field(default=0, ge=0, description="Issues first seen in this release that are let pass.")
    error_factor: float = Field(
        default=2, ge=1, description="Errors may be this many times those of the release before it, in as long a time."
    )
    min_errors: int = Field(default=10, ge=0, description="So few errors are never too many.")
    crash_free_drop: float = Field(
        default=1, ge=0, le=100, description="Percentage points by which the rate of crash-free sessions may be lower."
    )
    min_sessions: int = Field(
        default=50, ge=0, description="Fewer sessions of a release say nothing: inconclusive. 0: sessions don't count."
    )


class SentrySettings(Table):
    """Where errors are tracked. SENTRY_AUTH_TOKEN is taken from the environment, never from here."""

    org: str = Field(default="", description="Organization's slug; SENTRY_ORG, where set, wins.")
    projects: Strings = Field(default=(), description="Projects' slugs; SENTRY_PROJECT, where set, wins.")
    url: str = Field(
        default="https://sentry.io", pattern=r"^https?://\S+$", description="The server; SENTRY_URL, where set, wins."
    )
    source_maps: SourceMaps | None = Field(default=None, description="Source maps to upload with each release.")
    required: bool = Field(default=False, description="Whether a deploy fails, before anything is changed, without.")
    within: Duration = Field(default=5, description="The most that a deploy waits for Sentry in the end.")
    watch: WatchSettings = Field(default_factory=WatchSettings, description="When a release is unhealthy.")


class Settings(Table):
    """What holds for every environment, and what an environment may say differently."""

    registry: Prefix = Field(default="", description="Repository prefix, or `embedded`; the tag is always the SHA.")
    registry_insecure: bool = Field(
        default=False, description="It speaks HTTP, passwords in clear; this machine's own needs no such word."
    )
    registry_image: str = Field(default="registry:2", description="Image of the embedded registry.")
    compose: Strings = Field(default=("docker-compose.yml",), description="Compose files, merged in this order.")
    variables: Strings = Field(default=(), description="Files of NAME=value lines for the Compose file.")
    secrets: str = Field(
        default="env://",
        description="Where secrets come from: env:// or env://PREFIX_; a shell's own names need the latter.",
    )
    release: ReleaseSettings = Field(default_factory=ReleaseSettings, description="What a deploy replaces.")
    routes: Routes = Field(default_factory=dict, description="Path → SERVICE:PORT, served by the edge.")
    allow: Strings = Field(
        default=(), description="What of the Compose file is taken knowingly: SERVICE:WHAT, as a refusal names it."
    )
    smoke: tuple[SmokeCheck, ...] = Field(default=(), description="Whether a release may live.")
    smoke_within: Duration = Field(default=15, description="Deadline of all smoke checks; retried until then.")
    keep: int = Field(default=5, ge=1, description="Stopped releases kept for rollback.")
    edge: EdgeSettings = Field(default_factory=EdgeSettings, description="The server's reverse proxy.")
    sentry: SentrySettings | None = Field(default=None, description="Tell Sentry of releases and deploys.")


class Environment(Settings):
    """One place releases run."""

    name: Word = Field(default="unnamed", exclude=True, description="Its key in `environments`.")
    app: Slug = Field(default="unnamed", exclude=True, description="The application's name, as the top level says.")
    engine: str = Field(pattern=r"^(local|ssh://\S+)$", description="`local`, or ssh://[USER@]HOST[:PORT].")
    url: str = Field(
        pattern=r"^https?://[^/\s]+/?$", description="Where people reach it, http:// or https://HOST[:PORT]."
    )
    branch: str = Field(default="", description="Pushes to it are deployed here.")
    promote_from: str = Field(default="", description="Where a release must be proven first.")
    approval: Literal["none", "required"] = Field(default="none", description="Whether a person approves deploys.")

    @property
    def place(self) -> Place:
        """What everything of it is named after."""
        return Place(self.app, self.name)


class Config(Settings):
    """The whole of tagship.yml."""

    app: Slug = Field(description="The application's name: a-z, 0-9 and -.")
    test: dict[Slug, Suite] = Field(default_factory=dict, description="Component → its tests.")
    lint: dict[Slug, Suite] = Field(default_factory=dict, description="Component → its lint.")
    environments: dict[Word, Environment] = Field(min_length=1, description="Where releases run.")

    def environment(self, name: str) -> Environment:
        """The one of that name. Raises ConfigError naming those there are."""
        if not name:
            raise ConfigError("Which environment?", hint=f"--env NAME; there are: {', '.join(self.environments)}")
        if name not in self.environments:
            near = difflib.get_close_matches(name, self.environments, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self.environments)}"
            raise ConfigError(f"tagship.yml has no environment {name!r}.", hint=hint)
        return self.environments[name]
