"""AWS's registry gives a token to who may ask for it."""

from collections.abc import Iterator

import pytest
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin

from tagship.errors import RegistryError
from tagship.images import ecr
from tagship.images.credentials import PASSWORD, USERNAME, credentials
from tagship.reporting.redaction import hide_secrets
from tagship.system import aws

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.fixture(autouse=True)
def _account(aws_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[None]:
    """What stands in for AWS, and nothing from `docker login`."""
    ecr.login.cache_clear()
    for name, value in (("AWS_ENDPOINT_URL", aws_url), ("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv(USERNAME, raising=False)
    monkeypatch.delenv(PASSWORD, raising=False)
    yield
    ecr.login.cache_clear()


def test_a_registry_of_aws_needs_no_password_of_its_own_and_shows_none() -> None:
    found = credentials(HOST)

    assert (found["username"], found["serveraddress"]) == ("AWS", HOST)
    assert found["password"].endswith("-auth-token")
    assert found["password"] not in hide_secrets(f"said {found['password']}")


def test_who_lacks_the_right_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    iam = aws.client("iam", "eu-central-1")
    iam.create_user(UserName="deployer")
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    monkeypatch.setattr(ActionAuthenticatorMixin, "request_count", 0)

    with pytest.raises(RegistryError) as caught:
        credentials(HOST)

    assert f"ecr:GetAuthorizationToken on {HOST}" in caught.value.problem  # AWS says it in JSON, moto in XML
