"""`aws-ssm://PATH`: AWS Systems Manager Parameter Store, one parameter below the path for each name."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from tagship.secret import Secret
from tagship.system.parallel import together
from tagship.variables import parsing
from tagship.variables.store import UNSURE, Found, bounded
from tagship.variables.stores.aws import WRITTEN_WITHIN, Where, explained

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

DEFAULT_KEY = "alias/aws/ssm"
_BATCH = 10
"""How many parameters one request may ask for."""


class ParameterStore:
    """Asks for the wanted parameters only, and decrypts SecureStrings."""

    def __init__(self, uri: str) -> None:
        """Raises ConfigError."""
        self.uri = uri
        self._where = Where.of(uri, "aws-ssm://PATH[?region=REGION]")
        self._path = f"/{self._where.name.strip('/')}"

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """A path without any parameter isn't an error: to Parameter Store, it is only the beginning of names."""
        names = sorted(wanted)
        with explained(self._path, "ssm:GetParameters"):
            client: SSMClient = self._where.client("ssm")
            batches = [names[at : at + _BATCH] for at in range(0, len(names), _BATCH)]
            return {name: found for part in together(partial(self._asked, client), batches) for name, found in part}

    def _asked(self, client: "SSMClient", names: list[str]) -> list[tuple[str, Found]]:
        answer = client.get_parameters(Names=[f"{self._path}/{name}" for name in names], WithDecryption=True)
        found = []
        for kept in answer["Parameters"]:
            name = kept["Name"].rpartition("/")[2]
            value = parsing.value(kept["Value"], name, self.uri)
            found.append((name, Found(value, str(kept["Version"]), kept["LastModifiedDate"])))
        return found

    def write(self, name: str, value: Secret) -> str:
        """As a SecureString, encrypted with the key that the parameter already has; the last writer wins."""
        return bounded(self.uri, WRITTEN_WITHIN, lambda: self._written(name, value), UNSURE)

    def _written(self, name: str, value: Secret) -> str:
        full = f"{self._path}/{name}"
        with explained(full, "ssm:PutParameter"):
            client: SSMClient = self._where.client("ssm")
            named = client.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [full]}])["Parameters"]
            key = (named[0].get("KeyId") if named else "") or DEFAULT_KEY
            said = client.put_parameter(
                Name=full, Value=value.reveal(), Type="SecureString", Overwrite=True, Tier="Intelligent-Tiering",
                KeyId=key,
            )  # fmt: skip
            return str(said["Version"])
