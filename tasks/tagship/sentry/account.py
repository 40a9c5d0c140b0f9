"""The Sentry server and account, with the names that Sentry's own tools use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tagship.errors import ConfigError
from tagship.project.sentry_settings import SentrySettings
from tagship.reporting import redaction
from tagship.secret import Secret
from tagship.system import web

TOKEN, URL, ORG, PROJECT = "SENTRY_AUTH_TOKEN", "SENTRY_URL", "SENTRY_ORG", "SENTRY_PROJECT"


@dataclass(frozen=True)
class Account:
    """An organization and some of its projects, with a token that is never printed."""

    url: str
    org: str
    projects: tuple[str, ...]
    token: str = field(repr=False)

    def hide(self, text: str) -> str:
        """The text without the token."""
        return redaction.hide(text, {TOKEN: Secret(self.token)})


def of(settings: SentrySettings, environment: Mapping[str, str]) -> Account:
    """The account in tagship.yml and the environment, which overrides it.

    Raises ConfigError with everything missing.
    """
    url = environment.get(URL) or settings.url
    org = environment.get(ORG) or settings.org
    named = environment.get(PROJECT, "")
    projects = (named,) if named else settings.projects
    token = web.token(TOKEN, environment)
    lacking = [
        *(() if org else (f"sentry.org (or {ORG})",)),
        *(() if projects else (f"sentry.projects (or {PROJECT})",)),
        *(() if token else (TOKEN,)),
    ]
    if lacking:
        raise ConfigError(
            f"Sentry is configured, but {', '.join(lacking)} is not set.",
            hint="set it; Tagship's docs/sentry.md says where to get it",
        )
    return Account(url.rstrip("/"), org, projects, token)
