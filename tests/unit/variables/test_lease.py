"""Database credentials that Vault makes for one migration."""

import os
import signal
import time
from collections.abc import Callable
from typing import BinaryIO

import pytest

from tagship.errors import MigrationError, SecretsError, StoppedError
from tagship.project.migration_settings import CredentialSettings
from tagship.system.signals import interruptible
from tagship.variables import lease
from tests.fakes.servers import Answer, Request, Server

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


def until(holds: Callable[[], object]) -> None:
    """Wait for it, 5 s at most."""
    end = time.monotonic() + 5
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)


def dripping(_: BinaryIO, answer: BinaryIO) -> None:
    """Never end the head of the answer that follows a "100 Continue", and never fall silent."""
    for _times in range(100):
        answer.write(b"a")
        answer.flush()
        time.sleep(0.05)


def breaking(_: BinaryIO, answer: BinaryIO) -> None:
    """Say nothing that could be an answer."""


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
        until(lambda: web.asked("POST /v1/sys/leases/renew"))

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


def test_a_token_whose_renewal_breaks_off_is_still_good_for_a_lease(web: Server, settings: CredentialSettings) -> None:
    web.answers["POST /v1/auth/token/renew-self"] = Answer(100, hijack=breaking)

    with lease.leased(settings, print) as given:
        assert given["DB_USER"].reveal() == "v-1"


def test_something_else_that_was_made_is_revoked(web: Server, settings: CredentialSettings) -> None:
    web.answers["GET /v1/db/creds/shop"] = Answer(body={"lease_id": "aws/1", "lease_duration": 9, "data": {"key": "k"}})

    with pytest.raises(SecretsError, match="no database credentials"), lease.leased(settings, print):
        pytest.fail("nothing to use")

    assert revoked(web) == [{"lease_id": "aws/1", "sync": True}]


def test_what_is_made_while_it_is_stopped_is_revoked(web: Server, settings: CredentialSettings) -> None:
    def stopping(_: Request) -> Answer:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)
        return Answer(body=MADE)

    web.answers["GET /v1/db/creds/shop"] = stopping
    with pytest.raises(StoppedError), interruptible(), lease.leased(settings, print):
        pytest.fail("it was stopped")

    assert len(revoked(web)) == 1


def test_a_role_that_comes_too_late_is_revoked(
    web: Server, settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_: Request) -> Answer:
        time.sleep(0.3)
        return Answer(body=MADE)

    monkeypatch.setattr(lease, "MADE_WITHIN", 0.1)
    web.answers["GET /v1/db/creds/shop"] = late
    with pytest.raises(SecretsError, match="gave no answer"), lease.leased(settings, print):
        pytest.fail("it came too late")

    until(lambda: revoked(web))
    assert len(revoked(web)) == 1


def test_a_role_is_not_made_twice_when_the_connection_breaks(web: Server, settings: CredentialSettings) -> None:
    web.answers["GET /v1/db/creds/shop"] = lambda _: Answer(100, hijack=breaking)

    with pytest.raises(SecretsError, match="can't be reached"), lease.leased(settings, print):
        pytest.fail("nothing to use")

    assert len(web.asked("GET /v1/db/creds/shop")) == 1


def test_revoking_ends_however_slowly_vault_answers(
    web: Server, settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "WITHIN", 0.2)
    monkeypatch.setattr(lease, "OVERTIME", 0.1)
    web.answers["POST /v1/sys/leases/revoke"] = Answer(100, hijack=dripping)
    said: list[str] = []
    begun = time.monotonic()

    with lease.leased(settings, said.append):
        pass

    assert time.monotonic() - begun < 2
    assert "isn't revoked, but ends by itself" in said[0]


def test_a_lease_is_renewed_as_often_as_its_token_needs_it(
    web: Server, settings: CredentialSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAULT_TOKEN")
    monkeypatch.setenv("VAULT_ROLE_ID", "r")
    brief = {"client_token": "t", "lease_duration": 1, "renewable": True}
    web.answers["POST /v1/auth/approle/login"] = Answer(body={"auth": brief})
    web.answers["POST /v1/auth/token/renew-self"] = Answer(body={"auth": brief})

    with lease.leased(settings, print):
        until(lambda: len(web.asked("POST /v1/auth/token/renew-self")) > 1)

    assert len(web.asked("POST /v1/auth/token/renew-self")) > 1


def test_a_token_that_was_given_is_renewed_too(web: Server, settings: CredentialSettings) -> None:
    brief = {"client_token": "t", "lease_duration": 1, "renewable": True}
    web.answers["POST /v1/auth/token/renew-self"] = Answer(body={"auth": brief})

    with lease.leased(settings, print):
        until(lambda: len(web.asked("POST /v1/auth/token/renew-self")) > 1)

    assert len(web.asked("POST /v1/auth/token/renew-self")) > 1


@pytest.mark.parametrize("odd", [{"lease_duration": [1]}, {"errors": True}])
def test_renewing_survives_an_odd_answer(web: Server, settings: CredentialSettings, odd: object) -> None:
    status = 500 if isinstance(odd, dict) and "errors" in odd else 200
    web.answers["GET /v1/db/creds/shop"] = Answer(body={**MADE, "lease_duration": 1})
    web.answers["POST /v1/sys/leases/renew"] = Answer(status, odd)

    with lease.leased(settings, print):
        until(lambda: len(web.asked("POST /v1/sys/leases/renew")) > 1)

    assert len(web.asked("POST /v1/sys/leases/renew")) > 1


def test_a_migration_that_lost_its_role_to_max_ttl_is_told_so(web: Server, settings: CredentialSettings) -> None:
    web.answers["GET /v1/db/creds/shop"] = Answer(body={**MADE, "lease_duration": 3})
    web.answers["POST /v1/sys/leases/renew"] = Answer(body={"lease_duration": 1})

    with pytest.raises(MigrationError) as caught, lease.leased(settings, print):  # noqa: PT012 - only the last can
        until(lambda: len(web.asked("POST /v1/sys/leases/renew")) > 1)
        raise MigrationError("role v-1 does not exist")

    assert "set a longer max_ttl for db/creds/shop" in caught.value.hint
