"""`aws-sm://NAME`: AWS Secrets Manager. One JSON secret; or, if NAME ends with `/`, one secret for each name."""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from tagship.errors import SecretsError
from tagship.secret import Secret
from tagship.system.aws import is_code
from tagship.variables import parsing
from tagship.variables.store import UNSURE, Found, bounded
from tagship.variables.stores.aws import WRITTEN_WITHIN, Where, explained

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

_MISSING = "ResourceNotFoundException"
_BATCH = 20
"""How many secrets one request may ask for."""
_CURRENT = "AWSCURRENT"


class SecretsManagerStore:
    """Credentials come from where AWS's own tools take them."""

    def __init__(self, uri: str) -> None:
        """Raises ConfigError."""
        self.uri = uri
        self._where = Where.of(uri, "aws-sm://NAME[/][?region=REGION]")
        self._name = self._where.name

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """Version and time are those of each secret, so with one JSON secret they are the same for all names."""
        with explained(self._name, "secretsmanager:GetSecretValue"):
            client: SecretsManagerClient = self._where.client("secretsmanager")
            if self._name.endswith("/"):
                return dict(self._each(client, sorted(wanted)))
            try:
                kept = client.get_secret_value(SecretId=self._name, VersionStage=_CURRENT)
            except ClientError as error:
                if is_code(error, _MISSING):
                    raise self._missing() from None
                raise
        found = parsing.secrets(_text(kept, self._name), wanted, self.uri)
        return {name: Found(value, kept["VersionId"], kept["CreatedDate"]) for name, value in found.items()}

    def _each(self, client: "SecretsManagerClient", wanted: list[str]) -> Iterator[tuple[str, Found]]:
        for names in _batches(wanted):
            answer = client.batch_get_secret_value(SecretIdList=[self._name + name for name in names])
            for refusal in answer.get("Errors", ()):
                if refusal.get("ErrorCode") != _MISSING:
                    code, of = refusal.get("ErrorCode", ""), refusal.get("SecretId", self._name)
                    raise SecretsError(f"AWS refuses {of}: {code}.", hint="add it to the policy of that identity")
            for kept in answer["SecretValues"]:
                name = kept["Name"].removeprefix(self._name)
                value = parsing.value(_text(kept, kept["Name"]), name, self.uri)
                yield name, Found(value, kept["VersionId"], kept["CreatedDate"])

    def write(self, name: str, value: Secret) -> str:
        """Create the secret if there is none. A JSON secret isn't changed if somebody else changed it meanwhile."""
        return bounded(self.uri, WRITTEN_WITHIN, lambda: self._written(name, value), UNSURE)

    def _written(self, name: str, value: Secret) -> str:
        with explained(self._name, "secretsmanager:PutSecretValue"):
            client: SecretsManagerClient = self._where.client("secretsmanager")
            if self._name.endswith("/"):
                return _put(client, self._name + name, value.reveal())
            try:
                kept = client.get_secret_value(SecretId=self._name, VersionStage=_CURRENT)
            except ClientError as error:
                if not is_code(error, _MISSING):
                    raise
                text = json.dumps({name: value.reveal()})
                return str(client.create_secret(Name=self._name, SecretString=text)["VersionId"])
            values = parsing.held(_text(kept, self._name), self.uri)
            return self._replace(client, kept["VersionId"], parsing.written({**values, name: value.reveal()}))

    def _replace(self, client: "SecretsManagerClient", before: str, text: str) -> str:
        """Store a version under a label of its own, then make it current only if `before` still is.

        A label that can't be removed afterwards does no harm.
        """
        label = f"tagship-{secrets.token_hex(8)}"
        made = client.put_secret_value(SecretId=self._name, SecretString=text, VersionStages=[label])["VersionId"]
        try:
            client.update_secret_version_stage(
                SecretId=self._name, VersionStage=_CURRENT, MoveToVersionId=made, RemoveFromVersionId=before
            )
        except ClientError as error:
            if is_code(error, "InvalidParameterException", "InvalidRequestException"):
                raise SecretsError(f"Somebody else changed {self._name} at the same time.", hint="repeat it") from None
            raise
        finally:
            with contextlib.suppress(ClientError, BotoCoreError):
                client.update_secret_version_stage(SecretId=self._name, VersionStage=label, RemoveFromVersionId=made)
        return made

    def _missing(self) -> SecretsError:
        return SecretsError(
            f"AWS Secrets Manager has no secret {self._name}.",
            hint="create it, or correct its name or region; with a `/` at the end, each name is a secret",
        )


def _batches(names: list[str]) -> Iterator[list[str]]:
    """As many as one request may ask for."""
    for at in range(0, len(names), _BATCH):
        yield names[at : at + _BATCH]


def _put(client: "SecretsManagerClient", name: str, text: str) -> str:
    try:
        return client.put_secret_value(SecretId=name, SecretString=text)["VersionId"]
    except ClientError as error:
        if is_code(error, _MISSING):
            return client.create_secret(Name=name, SecretString=text)["VersionId"]
        raise


def _text(kept: Mapping[str, Any], name: str) -> str:
    if "SecretString" not in kept:
        raise SecretsError(f"{name} in AWS Secrets Manager is binary.", hint="save it as text")
    return str(kept["SecretString"])
