"""Where Sentry is and who we are there, named as Sentry's own tools name it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tagship.errors import ConfigError
from tagship.project.schema import SentrySettings
from tagship.reporting import redaction

TOKEN, URL, ORG, PROJECT = "SENTRY_AUTH_TOKEN", "SENTRY_URL", "SENTRY_ORG", "SENTRY_PROJECT"


@dataclass(frozen=True)
class Account:
    """An organization and some of its projects, with a token that no text of ours shows."""

    url: str
    org: str
    projects: tuple[str, ...]
    token: str = field(repr=False)

    def hide(self, text: str) -> str:
        """A text that goes to people, without the token in it."""
        return redaction.hide(text, {TOKEN: self.token})


def of(settings: SentrySettings, environment: Mapping[str, str]) -> Account:
    """tagship.yml's, where the environment doesn't say otherwise. Raises ConfigError naming all that is missing."""
    url = environment.get(URL) or settings.url
    org = environment.get(ORG) or settings.org
    named = environment.get(PROJECT, "")
    projects = (named,) if named else settings.projects
    token = environment.get(TOKEN, "").strip()  # what was pasted often ends in a newline
    lacking = [
        *(() if org else (f"sentry.org (or {ORG})",)),
        *(() if projects else (f"sentry.projects (or {PROJECT})",)),
        *(() if token else (TOKEN,)),
    ]
    if lacking:
        raise ConfigError(
            f"Sentry is configured, and {', '.join(lacking)} is not set.",
            hint="docs/sentry.md says where it comes from",
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise ConfigError(f"{TOKEN} holds characters that no token has.", hint="paste it again")
    return Account(url.rstrip("/"), org, projects, token)
