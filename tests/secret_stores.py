"""The secret stores, each with a real server, program or file behind it, as the contract tests fill them."""

import itertools
import json
import os
import secrets
import shlex
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tagship.variables.secrets import open_store
from tagship.variables.store import Store
from tests.rig import Vault

PROGRAMS = Path(sys.executable).parent
_NUMBERS = itertools.count(1)


class Backing(ABC):
    """What is behind a store."""

    uri = ""
    unfit: frozenset[str] = frozenset()
    """Shapes of values that it can't hold itself."""
    typed = False
    """Whether values can be other than text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def fill(self, values: Mapping[str, Any]) -> None:
        """Make it hold these secrets."""

    def store(self) -> Store:
        """The store, opened anew."""
        return open_store(self.uri, self.folder)


class Environment(Backing):
    """This process's environment."""

    uri = "env://CONTRACT_"
    unfit = frozenset({"nul"})

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self._monkeypatch = monkeypatch

    def fill(self, values: Mapping[str, Any]) -> None:
        """Set variables."""
        for name, value in values.items():
            self._monkeypatch.setenv(f"CONTRACT_{name}", value)


class Dotenv(Backing):
    """A file of this user's, outside of git."""

    uri = "dotenv://.env.secrets"
    unfit = frozenset({"nul"})

    def fill(self, values: Mapping[str, Any]) -> None:
        """Write it in double quotes, in which everything can be escaped."""
        file = self.folder / ".env.secrets"
        escapes = str.maketrans({"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n"})
        file.write_text("".join(f'{name}="{value.translate(escapes)}"\n' for name, value in values.items()))
        file.chmod(0o600)


class Command(Backing):
    """A program that prints JSON."""

    typed = True

    def fill(self, values: Mapping[str, Any]) -> None:
        """Write what it prints."""
        (self.folder / "out.json").write_text(json.dumps(values))
        self.uri = f"command://{shlex.join(['cat', 'out.json'])}"


class Kv(Backing):
    """A secret in Vault's KV engine, read with a token of root's."""

    typed = True

    def __init__(self, folder: Path, vault: Vault, mount: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.vault, self.versioned = vault, mount == "secret"
        self.name = f"contract/test{next(_NUMBERS)}-{secrets.token_hex(3)}"
        self.uri = f"vault://{mount}/{self.name}"
        self.path = f"{mount}/data/{self.name}" if self.versioned else f"{mount}/{self.name}"
        for name, value in {**vault.variables(), "VAULT_TOKEN": vault.root}.items():
            monkeypatch.setenv(name, value)

    def fill(self, values: Mapping[str, Any]) -> None:
        """Put a version."""
        self.vault.api("POST", self.path, {"data": values} if self.versioned else values)


class Aws(Backing):
    """An account of moto's server, which this process takes for AWS."""

    service = ""

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.url = url
        self.name = f"contract/test{next(_NUMBERS)}-{secrets.token_hex(3)}"
        for name, value in {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)

    def client(self) -> Any:  # noqa: ANN401 - of either service
        """A client of the service."""
        import boto3  # noqa: PLC0415 - only for who asks

        return boto3.client(self.service, region_name="eu-west-1")  # type: ignore[call-overload]


class OneSecret(Aws):
    """One JSON secret in Secrets Manager."""

    service, typed = "secretsmanager", True
    unfit = frozenset({"64 KiB"})

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, url, monkeypatch)
        self.uri = f"aws-sm://{self.name}?region=eu-west-1"

    def fill(self, values: Mapping[str, Any]) -> None:
        """Create it."""
        self.client().create_secret(Name=self.name, SecretString=json.dumps(values))


class ManySecrets(Aws):
    """One secret for each name in Secrets Manager, which holds no empty one."""

    service = "secretsmanager"
    unfit = frozenset({"empty"})

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, url, monkeypatch)
        self.uri = f"aws-sm://{self.name}/"

    def fill(self, values: Mapping[str, Any]) -> None:
        """Create them."""
        for name, value in values.items():
            self.client().create_secret(Name=f"{self.name}/{name}", SecretString=value)


class Parameters(Aws):
    """Parameters, which are neither empty nor long."""

    service = "ssm"
    unfit = frozenset({"empty", "64 KiB"})

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, url, monkeypatch)
        self.uri = f"aws-ssm://{self.name}"

    def fill(self, values: Mapping[str, Any]) -> None:
        """Put them, encrypted."""
        for name, value in values.items():
            self.client().put_parameter(Name=f"/{self.name}/{name}", Value=value, Type="SecureString")


class Sops(Backing):
    """A file encrypted for an age key that this process has."""

    typed = True

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, suffix: str = "yaml") -> None:
        super().__init__(folder)
        import pyrage  # noqa: PLC0415 - only for who asks

        key = pyrage.x25519.Identity.generate()
        self.recipient = str(key.to_public())
        self.file = folder / f"production.{suffix}"
        self.uri = f"sops://{self.file.name}"
        monkeypatch.setenv("SOPS_AGE_KEY", str(key))
        monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")

    def fill(self, values: Mapping[str, Any]) -> None:
        """Encrypt JSON, which is YAML, too."""
        argv = ["sops", "encrypt", "--age", self.recipient, "--input-type", "json"]
        argv += ["--output-type", self.file.suffix[1:], "/dev/stdin"]
        done = subprocess.run(argv, input=json.dumps(values).encode(), check=True, capture_output=True)
        self.file.write_bytes(done.stdout)
