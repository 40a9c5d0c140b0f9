"""What the database holds from the start: tables, an organization with a team, a token and a repository."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import os

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from sentry.models import (
    ApiToken,
    Organization,
    OrganizationMember,
    OrganizationMemberTeam,
    Repository,
    Team,
    User,
)

OWNER = "owner@example.com"
SCOPES = (
    "org:read", "org:write", "org:ci", "team:read", "project:read", "project:write", "project:admin",
    "project:releases", "event:read", "event:write", "alerts:read",
)  # fmt: skip


def seed() -> None:
    """Fill an empty database; one that was filled stays as it is."""
    if ApiToken._meta.db_table not in connection.introspection.table_names():  # noqa: SLF001 - Django's public name
        _make_tables()
    if not ApiToken.objects.exists():
        _make_organization(os.environ["RIG_ORGANIZATION"], os.environ["RIG_TOKEN"])


def _make_tables() -> None:
    """From the models, as Sentry's own tests do: its hundreds of migrations take more than a minute."""
    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)


def _make_organization(name: str, token: str) -> None:
    owner = User(email=OWNER, username=OWNER)
    owner.set_password(token)
    owner.save()
    organization = Organization.objects.create(slug=name, name=name)
    # A page's own host isn't asked for its source maps: what counts is what was uploaded.
    organization.update_option("sentry:scrape_javascript", value=False)
    member = OrganizationMember.objects.create(organization=organization, user_id=owner.id, role="owner")
    team = Team.objects.create(slug=name, name=name, organization=organization)
    OrganizationMemberTeam.objects.create(organizationmember=member, team=team)
    Repository.objects.create(organization_id=organization.id, name=f"{name}/atlas")
    ApiToken.objects.create(user=owner, token=token, scope_list=list(SCOPES))
