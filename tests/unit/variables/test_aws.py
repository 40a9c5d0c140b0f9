"""Writing to one JSON secret of AWS Secrets Manager."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tagship.errors import SecretsError
from tagship.secret import Secret
from tagship.variables.stores.aws import Where
from tagship.variables.stores.aws_sm import SecretsManagerStore


class Account:
    """A secret with three keys; labels can't be removed from its versions."""

    def __init__(self) -> None:
        self.current, self.stored = "v1", ""
        self.refused = ""
        """The code with which making a version current is refused."""

    def get_secret_value(self, **_: object) -> dict[str, Any]:
        """The current version."""
        return {"SecretString": '{"A":"old","PIN":1.10,"BIG":1e3}', "VersionId": "v1", "CreatedDate": None}

    def put_secret_value(self, SecretString: str, **_: object) -> dict[str, Any]:  # noqa: N803 - AWS's own
        """Store a version."""
        self.stored = SecretString
        return {"VersionId": "v2"}

    def update_secret_version_stage(self, VersionStage: str, **_: object) -> None:  # noqa: N803 - AWS's own
        """Move a label."""
        if VersionStage != "AWSCURRENT":
            raise ReadTimeoutError(endpoint_url="https://secretsmanager")
        if self.refused:
            raise ClientError({"Error": {"Code": self.refused}}, "UpdateSecretVersionStage")
        self.current = "v2"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """What answers in AWS's place."""
    found = Account()
    monkeypatch.setattr(Where, "client", lambda *_: found)
    return found


def test_a_label_that_stays_is_no_error_once_the_version_is_current(account: Account) -> None:
    assert SecretsManagerStore("aws-sm://shop").write("A", Secret("new")) == "v2"
    assert account.current == "v2"


def test_a_label_that_stays_hides_no_refusal(account: Account) -> None:
    account.refused = "InvalidRequestException"

    with pytest.raises(SecretsError, match="Somebody else changed shop"):
        SecretsManagerStore("aws-sm://shop").write("A", Secret("new"))


def test_other_keys_keep_the_text_of_their_numbers(account: Account) -> None:
    SecretsManagerStore("aws-sm://shop").write("A", Secret("new"))

    assert account.stored == '{"A": "new", "PIN": 1.10, "BIG": 1e3}'
