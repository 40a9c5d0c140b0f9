"""The schema of `sentry` in tagship.yml: where errors are tracked, and when a release counts as healthy."""

from pydantic import Field

from tagship.project.values import Duration, Strings, Table


class SourceMaps(Table):
    """A frontend's source maps, taken from its built image."""

    service: str = Field(description="The service whose image holds them.")
    project: str = Field(default="", description="The Sentry project they belong to. Default: all.")
    served: str = Field(
        pattern="^/", description="Folder of the image that is served. It holds the bundles with debug ids."
    )
    maps: str = Field(pattern="^/", description="Folder of the image that holds the maps, outside the served folder.")


class WatchSettings(Table):
    """When a release counts as healthy in Sentry, compared with the previous release."""

    new_issues: int = Field(default=0, ge=0, description="How many issues may be new in this release.")
    error_factor: float = Field(
        default=2,
        ge=1,
        description="Errors may be this many times those of the previous release in an equally long time.",
    )
    min_errors: int = Field(default=10, ge=0, description="Up to this many errors are always accepted.")
    crash_free_drop: float = Field(
        default=1, ge=0, le=100, description="How many percentage points lower the rate of crash-free sessions may be."
    )
    min_sessions: int = Field(
        default=50,
        ge=0,
        description="With fewer sessions of a release, the verdict is inconclusive. 0 ignores sessions.",
    )


class SentrySettings(Table):
    """Where errors are tracked. SENTRY_AUTH_TOKEN comes from the environment, never from this file."""

    org: str = Field(default="", description="The organization's slug. SENTRY_ORG overrides it.")
    projects: Strings = Field(default=(), description="The projects' slugs. SENTRY_PROJECT overrides them.")
    url: str = Field(
        default="https://sentry.io", pattern=r"^https?://\S+$", description="The server's URL. SENTRY_URL overrides it."
    )
    source_maps: SourceMaps | None = Field(default=None, description="Source maps to upload with each release.")
    required: bool = Field(
        default=False, description="Whether a deploy fails, before it changes anything, if Sentry can't be reached."
    )
    within: Duration = Field(default=5, description="How long a deploy waits for Sentry at the end, at most.")
    watch: WatchSettings = Field(default_factory=WatchSettings, description="When a release counts as unhealthy.")
