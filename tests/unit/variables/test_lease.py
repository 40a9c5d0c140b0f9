"""Database credentials that Vault makes for one migration."""

import time

import pytest

from tagship.errors import MigrationError, SecretsError
from tagship.project.migration_settings import CredentialSettings
from tagship.variables import lease
from tests.fakes.servers import Answer, Server

VARIABLES = {"DB_USER": "{username}", "DATABASE_URL": "postgres://{username}:{password}@db/shop"}
MADE = {"lease_id": "db/creds/shop/1", "lease_duration": 3600, "data": {"username": "v-1", "password": "a/b c"}}


@pytest.fixture
def settings(web: Server, monkeypatch: pytest.MonkeyPatch) -> CredentialSettings:
    """A role of a Vault on this machine that makes credentials."""
    monkeypatch.setenv("VAULT_TOKEN", "token-4711")
    monkeypatch.delenv("VAULT_NAMESPACE", raising=False)
    web.answers |= {"GET /v1/db/creds/shop": Answer(body=MADE)}
    web.answers |= {f"POST /v1/sys/leases/{what}": Answer(204) for what in ("renew", "revoke")}
    address = f"http://127.0.0.1:{web.port}"
    return CredentialSettings(lease=f"vault://db/creds/shop?address={address}", variables=VARIABLES)


def revoked(web: Server) -> list[object]:
    """The bodies of the requests that revoked a lease."""
    return [asked.json() for asked in web.asked("POST /v1/sys/leases/revoke")]


def test_variables_are_filled_and_percent_encoded_where_they_are_urls(
    web: Server, settings: CredentialSettings
) -> None:
    with lease.leased(settings, print) as given:
        assert revoked(web) == []
        values = {name: value.reveal() for name, value in given.items()}

    assert values == {"DB_USER": "v-1", "DATABASE_URL": "postgres://v-1:a%2Fb%20c@db/shop"}
    assert revoked(web) == [{"lease_id": "db/creds/shop/1", "sync": True}]


def test_a_lease_is_renewed_while_it_is_held(web: Server, settings: CredentialSettings) -> None:
    web.answers["GET /v1/db/creds/shop"] = Answer(body={**MADE, "lease_duration": 1})

    with lease.leased(settings, print):
        until = time.monotonic() + 5
        while not web.asked("POST /v1/sys/leases/renew") and time.monotonic() < until:
            time.sleep(0.01)

    assert web.asked("POST /v1/sys/leases/renew")[0].json()["lease_id"] == "db/creds/shop/1"


def test_a_lease_is_revoked_when_the_migration_fails(web: Server, settings: CredentialSettings) -> None:
    with pytest.raises(MigrationError), lease.leased(settings, print):
        raise MigrationError("no")

    assert len(revoked(web)) == 1


def test_a_lease_that_cannot_be_revoked_is_only_said(web: Server, settings: CredentialSettings) -> None:
    web.answers["POST /v1/sys/leases/revoke"] = Answer(500, {"errors": ["the database is away"]})
    said: list[str] = []

    with lease.leased(settings, said.append):
        pass

    assert "ends by itself" in said[0]
    assert "the database is away" in said[0]


def test_what_makes_no_credentials_is_refused(web: Server, settings: CredentialSettings) -> None:
    web.answers["GET /v1/db/creds/shop"] = Answer(body={"data": {"DB_PASSWORD": "sesame"}})

    with pytest.raises(SecretsError, match="no database credentials") as caught, lease.leased(settings, print):
        pytest.fail("nothing to use")

    assert "sesame" not in str(caught.value)
