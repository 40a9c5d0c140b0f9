"""Finds an app's secrets in the environment: the values that its Compose files refer to."""

from collections.abc import Mapping
from pathlib import Path

from tagship.project.schema import Config, Settings
from tagship.source import references
from tagship.variables import files as variables
from tagship.variables.stores import environment as environment_store
from tagship.variables.stores.environment import SHELLS_OWN

_OWN = (
    "SENTRY_AUTH_TOKEN", "TAGSHIP_SENTRY_DSN", "TAGSHIP_IDENTITY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "VAULT_TOKEN", "VAULT_SECRET_ID", "SOPS_AGE_KEY", "TAGSHIP_REGISTRY_PASSWORD",
)  # fmt: skip
"""Secrets of Tagship itself, which nothing else masks."""
_TELLING = {"true", "false", "none", "null", "production", "staging", "development"}
"""Common values, whose masking would make logs unreadable."""


def of(config: Config, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """The secrets, for builds and for every environment of tagship.yml, that this process has."""
    found: dict[str, None] = {}
    previews = config.previews and config.previews.preview(config.environments[config.previews.like], 1)
    for settings in (config, *config.environments.values(), *((previews,) if previews else ())):
        for value in _of(settings, folder, environment):
            found[value] = None
    for name in _OWN:
        found[environment.get(name, "")] = None
    return [value for value in found if value and value.lower() not in _TELLING]


def _of(settings: Settings, folder: Path, environment: Mapping[str, str]) -> list[str]:
    prefixes = environment_store.prefixes(settings.secrets)
    if not prefixes:
        return []
    referred = references.in_files(settings.compose, folder).keys()
    known = [name for name in settings.variables if (folder / name).is_file()]
    plain = variables.read(known, folder)
    names = sorted(referred - plain.keys())
    secret = (prefix + name for prefix in prefixes for name in names if prefix or name not in SHELLS_OWN)
    return [environment[name] for name in secret if environment.get(name)]
