"""How Tagship finds Vault, and logs in there."""

import json
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from tagship.errors import SecretsError
from tagship.secret import Secret
from tagship.variables.secrets import open_store
from tagship.variables.store import WritableStore
from tagship.variables.stores import vault as kv
from tagship.variables.stores.vault_client import Where
from tests.fakes.servers import Answer, Server

NAMES = ("TOKEN", "ROLE_ID", "SECRET_ID", "NAMESPACE", "ADDR", "CACERT")
WANTED = frozenset({"DB_PASSWORD"})


@pytest.fixture(autouse=True)
def _nobodys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login of this machine's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in NAMES:
        monkeypatch.delenv(f"VAULT_{name}", raising=False)
    for name in ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def vault(web: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with one secret of KV version 1, which lets everybody in."""
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{web.port}/")
    mount = {"type": "kv", "path": "team/kv/", "options": {"version": "1"}}
    web.answers |= {
        "GET /v1/sys/internal/ui/mounts/team/kv/shop": Answer(body={"data": mount}),
        "GET /v1/team/kv/shop": Answer(body={"data": {"DB_PASSWORD": "sesame"}}),
        "POST /v1/auth/approle/login": Answer(body={"auth": {"client_token": "by-approle"}}),
        "POST /v1/auth/github/login": Answer(body={"auth": {"client_token": "by-jwt"}}),
        "POST /v1/auth/token/revoke-self": Answer(204),
        "GET /token": Answer(body={"value": "a.b.c"}),
    }
    return web


def token(vault: Server, uri: str = "vault://team/kv/shop") -> str:
    """With which token the secret is read."""
    assert open_store(uri, Path()).read(WANTED)["DB_PASSWORD"].value.reveal() == "sesame"
    return vault.asked("GET /v1/team/kv/shop")[-1].headers["Authorization"].removeprefix("Bearer ")


def test_the_mount_is_as_long_as_vault_says_and_the_rest_is_the_path(vault: Server, tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text("left\n")

    assert token(vault) == "left"


def test_a_token_that_was_pasted_with_a_newline_is_used_without_it(
    vault: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "given\n")

    assert token(vault) == "given"


def test_a_token_goes_before_an_approle_before_a_job_before_what_was_left(
    vault: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uri = "vault://team/kv/shop?role=deploy&login=github"
    (tmp_path / ".vault-token").write_text("left")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{vault.port}/token?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the runner")
    assert token(vault, uri) == "by-jwt"

    monkeypatch.setenv("VAULT_ROLE_ID", "r")
    monkeypatch.setenv("VAULT_SECRET_ID", "s")
    assert token(vault, "vault://team/kv/shop?role=deploy") == "by-approle"

    revoked = len(vault.asked("POST /v1/auth/token/revoke-self"))
    monkeypatch.setenv("VAULT_TOKEN", "given")
    assert token(vault, uri) == "given"
    assert len(vault.asked("POST /v1/auth/token/revoke-self")) == revoked == 2, "only tokens of its own"


def test_in_github_actions_a_role_in_the_uri_goes_before_the_approle_of_another_vault(
    vault: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": "s", "GITHUB_ACTIONS": "true"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SecretsError, match="no identity token"):
        token(vault, "vault://team/kv/shop?role=deploy&login=github")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{vault.port}/token?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the runner")

    assert token(vault, "vault://team/kv/shop?role=deploy&login=github") == "by-jwt"
    assert vault.asked("POST /v1/auth/approle/login") == []


def test_a_job_asks_for_a_token_that_only_this_vault_accepts(vault: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{vault.port}/token?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the runner")
    token(vault, "vault://team/kv/shop?role=deploy&login=github")

    assert vault.asked("GET /token")[0].query["audience"] == f"http://127.0.0.1:{vault.port}"
    assert vault.asked("POST /v1/auth/github/login")[0].json() == {"role": "deploy", "jwt": "a.b.c"}


def test_options_of_the_uri_override_vaults_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "https://other.example.com")
    monkeypatch.setenv("VAULT_NAMESPACE", "other")

    found = Where.of("vault://kv/shop?address=https://vault.example.com:8200/&namespace=team")

    assert (found.path, found.address, found.namespace) == ("kv/shop", "https://vault.example.com:8200", "team")


def kept(vault: Server, text: bytes, **metadata: str) -> None:
    """Let the server have the secret in KV version 2, with these keys."""
    mount = {"type": "kv", "path": "team/kv/", "options": {"version": "2"}}
    vault.answers["GET /v1/sys/internal/ui/mounts/team/kv/shop"] = Answer(body={"data": mount})
    of = json.dumps({"version": 3, **metadata}).encode()
    vault.answers["GET /v1/team/kv/data/shop"] = Answer(body=b'{"data": {"data": %s, "metadata": %s}}' % (text, of))
    vault.answers["POST /v1/team/kv/data/shop"] = Answer(body={"data": {"version": 4}})


def test_numbers_keep_their_text_also_when_another_key_is_written(
    vault: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "given")
    kept(vault, b'{"PIN": 1.10, "LONG": %s}' % (b"9" * 5000))
    store = open_store("vault://team/kv/shop", Path())
    assert isinstance(store, WritableStore)

    assert store.read(frozenset({"PIN"}))["PIN"].value.reveal() == "1.10"
    assert store.write("A", Secret("new")) == "4"

    sent = vault.asked("POST /v1/team/kv/data/shop")[0].body
    assert sent == b'{"options": {"cas": 3}, "data": {"PIN": 1.10, "LONG": %s, "A": "new"}}' % (b"9" * 5000)


def test_a_time_that_is_none_is_not_known(vault: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "given")
    kept(vault, b'{"DB_PASSWORD": "sesame"}', created_time="yesterday")

    assert open_store("vault://team/kv/shop", Path()).read(WANTED)["DB_PASSWORD"].changed is None


def test_an_answer_that_nests_too_deeply_is_no_vaults(vault: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "given")
    kept(vault, b'{"A": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    with pytest.raises(SecretsError, match="nests too deeply"):
        open_store("vault://team/kv/shop", Path()).read(WANTED)


def test_a_mount_that_vault_tells_nothing_of_may_be_misspelt(vault: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "given")
    vault.answers["GET /v1/sys/internal/ui/mounts/taem/kv/shop"] = Answer(403, {"errors": ["permission denied"]})
    vault.answers["GET /v1/auth/token/lookup-self"] = Answer(body={"data": {}})

    with pytest.raises(SecretsError, match="Vault has no taem/kv/shop, or denies access to it") as caught:
        token(vault, "vault://taem/kv/shop")

    assert caught.value.hint.startswith("check the mount and the path")


def test_a_sealed_vault_is_said(vault: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "given")
    vault.answers["GET /v1/sys/internal/ui/mounts/team/kv/shop"] = Answer(503, {"errors": ["Vault is sealed"]})

    with pytest.raises(SecretsError, match="is sealed"):
        token(vault)


def test_a_gateway_that_answers_html_is_no_vault(vault: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "given")
    vault.answers["GET /v1/sys/internal/ui/mounts/team/kv/shop"] = Answer(502, b"<html>Bad gateway</html>")

    with pytest.raises(SecretsError, match="HTTP 502"):
        token(vault)


def test_a_write_ends_however_slowly_vault_answers(vault: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def dripping(_: BinaryIO, answer: BinaryIO) -> None:
        for _times in range(100):
            answer.write(b"a")
            answer.flush()
            time.sleep(0.05)

    monkeypatch.setenv("VAULT_TOKEN", "given")
    monkeypatch.setattr(kv, "WRITTEN_WITHIN", 0.2)
    vault.answers["GET /v1/sys/internal/ui/mounts/team/kv/shop"] = Answer(100, hijack=dripping)
    store = open_store("vault://team/kv/shop", Path())
    assert isinstance(store, WritableStore)

    with pytest.raises(SecretsError, match=r"gave no answer in 0\.2 s") as caught:
        store.write("A", Secret("new"))

    assert "whether it was changed" in caught.value.hint
