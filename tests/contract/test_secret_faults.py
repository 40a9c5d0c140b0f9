"""Secret stores that are down, slow, closed or damaged: each failure is one line with what to do, and no value."""

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from tagship.errors import ConfigError, SecretsError, ToolError
from tagship.secret import Secret
from tagship.system import aws
from tagship.variables import secrets as stored
from tagship.variables.secrets import open_store
from tagship.variables.store import WritableStore
from tagship.variables.stores import vault_client
from tests import secret_stores as kinds
from tests.fakes.servers import Answer, Request, Server, on_port
from tests.rig import Rig, Vault

WANTED = frozenset({"DB_PASSWORD"})
VALUE = "sesame-4711"
LOGINS = ("VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_NAMESPACE")


@pytest.fixture
def web() -> Iterator[Server]:
    """An HTTP server on this machine."""
    with on_port() as server:
        yield server


def at(web: Server) -> str:
    """Its URL."""
    return f"http://127.0.0.1:{web.port}"


@pytest.fixture
def vault(rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Vault:
    """The rig's Vault with a secret that the policy `reader` may read; nobody is logged in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in LOGINS:
        monkeypatch.delenv(name, raising=False)
    for name, value in rig.vault.variables().items():
        monkeypatch.setenv(name, value)
    rig.vault.api("POST", "secret/data/shop/production", {"data": {"DB_PASSWORD": VALUE}})
    rig.vault.policy("reader", {"secret/data/shop/production": ["read"]})
    return rig.vault


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set variables of this process."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def read(uri: str, folder: Path = Path()) -> dict[str, str]:
    """The values that a store has."""
    return {name: found.value.reveal() for name, found in open_store(uri, folder).read(WANTED).items()}


def refusal(uri: str, folder: Path = Path()) -> SecretsError:
    """How a store refuses: in one line, with a hint, and without the value."""
    with pytest.raises(SecretsError) as caught:
        open_store(uri, folder).read(WANTED)
    error = caught.value
    assert "\n" not in error.problem
    assert error.hint
    assert VALUE not in str(error)
    return error


PRODUCTION = "vault://secret/shop/production"


def test_vault_takes_an_approle_and_keeps_no_token_of_it(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, vault.approle("deployer", "reader"))
    before = len(vault.api("LIST", "auth/token/accessors")["data"]["keys"])

    assert read(PRODUCTION) == {"DB_PASSWORD": VALUE}
    assert len(vault.api("LIST", "auth/token/accessors")["data"]["keys"]) == before


def test_vault_refuses_a_wrong_secret_id(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, vault.approle("deployer", "reader") | {"VAULT_SECRET_ID": "wrong-1234"})

    error = refusal(PRODUCTION)

    assert "refuses the login at auth/approle: invalid role or secret ID" in error.problem
    assert "1234" not in str(error)


@pytest.fixture
def job(vault: Vault, web: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this process a job of GitHub Actions that has `id-token: write`."""
    vault.github("deploy", "reader")

    def run(**claims: str) -> None:
        def answer(asked: Request) -> Answer:
            assert "Bearer runner-token-1234" in asked.headers.values()
            return Answer(body={"value": vault.github_token(aud=asked.query["audience"], **claims)})

        web.answers["GET /token"] = answer
        url = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{at(web)}/token?api-version=2.0"}
        set_all(monkeypatch, url | {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner-token-1234"})

    return run


def test_vault_takes_the_identity_of_a_job_in_github_actions(job: Callable[..., None]) -> None:
    job()

    assert read(f"{PRODUCTION}?role=deploy") == {"DB_PASSWORD": VALUE}


def test_vault_refuses_a_job_of_another_repository(job: Callable[..., None]) -> None:
    job(repository="mallory/shop")

    assert 'claim "repository" does not match' in refusal(f"{PRODUCTION}?role=deploy").problem


def test_a_job_without_an_identity_learns_which_permission_it_lacks(vault: Vault) -> None:
    del vault
    assert "id-token: write" in refusal(f"{PRODUCTION}?role=deploy").hint


def test_vault_uses_what_vault_login_left(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text(vault.token("reader"))

    assert read(PRODUCTION) == {"DB_PASSWORD": VALUE}


def test_no_login_at_all_says_which_ones_there_are(vault: Vault) -> None:
    del vault
    assert "set VAULT_TOKEN, or VAULT_ROLE_ID" in refusal(PRODUCTION).hint


def test_an_expired_token_differs_from_one_that_may_not(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    token = vault.token("reader")
    monkeypatch.setenv("VAULT_TOKEN", token)
    vault.api("POST", "auth/token/revoke", {"token": token})
    assert "has expired, or was revoked" in refusal(PRODUCTION).problem

    monkeypatch.setenv("VAULT_TOKEN", vault.token("reader"))
    error = refusal("vault://secret/shop/staging")
    assert "denies access to" in error.problem
    assert "policy" in error.hint


def test_a_vault_secret_that_does_not_exist_or_was_deleted_is_missing(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", vault.root)
    vault.api("POST", "secret/data/shop/gone", {"data": {"DB_PASSWORD": VALUE}})
    vault.api("DELETE", "secret/data/shop/gone")

    for uri in ("vault://secret/shop/nowhere", "vault://secret/shop/gone", "vault://old/shop/nowhere"):
        assert "Vault has no secret" in refusal(uri).problem
    assert "isn't in a KV engine" in refusal("vault://cubbyhole/shop").problem


def test_a_vault_secret_that_was_deleted_can_be_written_again(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", vault.root)
    vault.api("POST", "secret/data/shop/again", {"data": {"OTHER": "x"}})
    vault.api("DELETE", "secret/data/shop/again")
    store = open_store("vault://secret/shop/again", Path())
    assert isinstance(store, WritableStore)

    store.write("DB_PASSWORD", Secret(VALUE))

    assert read("vault://secret/shop/again") == {"DB_PASSWORD": VALUE}


def test_vault_has_namespaces(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", vault.root)
    team = f"team-{secrets.token_hex(3)}"
    vault.api("POST", f"sys/namespaces/{team}", {})
    vault.api("POST", f"{team}/sys/mounts/kv", {"type": "kv"})
    vault.api("POST", f"{team}/kv/shop", {"DB_PASSWORD": VALUE})

    assert read(f"vault://kv/shop?namespace={team}") == {"DB_PASSWORD": VALUE}
    monkeypatch.setenv("VAULT_NAMESPACE", team)
    assert read("vault://kv/shop") == {"DB_PASSWORD": VALUE}


def test_a_change_that_somebody_made_meanwhile_is_not_overwritten_in_vault(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", vault.root)
    ask = vault_client.Client.ask

    def late(client: vault_client.Client, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - as theirs
        if method == "POST":
            vault.api("POST", "secret/data/shop/production", {"data": {"DB_PASSWORD": "theirs"}})
        return ask(client, method, path, body)

    monkeypatch.setattr(vault_client.Client, "ask", late)
    store = open_store(PRODUCTION, Path())
    assert isinstance(store, WritableStore)

    with pytest.raises(SecretsError, match="Somebody else changed secret/shop/production"):
        store.write("OTHER", Secret("mine"))

    assert vault.api("GET", "secret/data/shop/production")["data"]["data"] == {"DB_PASSWORD": "theirs"}


def test_a_vault_that_is_not_trusted_is_told_nothing(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", vault.root)
    monkeypatch.delenv("VAULT_CACERT")

    assert "certificate" in refusal(PRODUCTION).problem.lower()


def test_vaults_token_does_not_follow_to_another_host(web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"VAULT_ADDR": at(web), "VAULT_TOKEN": VALUE})
    elsewhere = at(web).replace("127.0.0.1", "localhost")
    web.answers["GET /v1/sys/internal/ui/mounts/secret/shop"] = Answer(307, headers={"Location": f"{elsewhere}/there"})
    web.answers["GET /there"] = Answer(403, {"errors": ["permission denied"]})
    web.answers["GET /v1/auth/token/lookup-self"] = Answer(200, {})

    refusal("vault://secret/shop")

    assert [VALUE in str(asked.headers) for asked in web.requests if asked.path == "/there"] == [False]


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        (PRODUCTION, ""),
        (PRODUCTION, "http://vault.example.com:8200"),
        (PRODUCTION, "https://me:sesame-4711@vault.example.com"),
        ("vault://sesame-4711@secret/shop", "https://vault.example.com"),
        ("vault://secret", "https://vault.example.com"),
        ("vault://secret/shop?token=sesame-4711", "https://vault.example.com"),
        ("aws-sm://?region=eu-west-1", ""),
        ("aws-sm://key:sesame-4711@shop", ""),
        ("aws-ssm://shop?secret=sesame-4711", ""),
        ("sops://", ""),
    ],
)
def test_a_uri_with_anything_else_than_a_place_is_refused(
    monkeypatch: pytest.MonkeyPatch, uri: str, address: str
) -> None:
    monkeypatch.setenv("VAULT_ADDR", address)

    with pytest.raises(ConfigError) as caught:
        open_store(uri, Path())

    assert VALUE not in caught.value.problem.replace(uri, "")


@pytest.fixture
def account(tmp_path: Path, aws_url: str, monkeypatch: pytest.MonkeyPatch) -> kinds.OneSecret:
    """A JSON secret in moto's Secrets Manager."""
    made = kinds.OneSecret(tmp_path, aws_url, monkeypatch)
    made.fill({"DB_PASSWORD": VALUE})
    return made


def test_an_aws_secret_that_does_not_exist_is_missing(account: kinds.OneSecret) -> None:
    error = refusal(f"{account.uri.partition('?')[0]}x")

    assert "AWS Secrets Manager has no secret" in error.problem
    assert read(f"aws-sm://{account.name}x/") == {}
    assert read(f"aws-ssm://{account.name}x") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'["{VALUE}"]', "holds no JSON object"),
        (f'"{VALUE}"', "holds no JSON object"),
        (f"DB_PASSWORD={VALUE}", "isn't JSON"),
        (f'{{"DB_PASSWORD": {{"a": "{VALUE}"}}}}', "is an object"),
        ("", "isn't JSON"),
    ],
)
def test_an_aws_secret_that_is_no_object_of_texts_is_refused(account: kinds.OneSecret, text: str, said: str) -> None:
    account.client().put_secret_value(SecretId=account.name, SecretString=text or " ")

    assert said in refusal(account.uri).problem


def test_what_is_no_object_is_not_overwritten(account: kinds.OneSecret) -> None:
    account.client().put_secret_value(SecretId=account.name, SecretString=f"{VALUE} and notes")
    store = open_store(account.uri, Path())
    assert isinstance(store, WritableStore)

    with pytest.raises(SecretsError, match="isn't JSON") as caught:
        store.write("OTHER", Secret("mine"))

    assert VALUE not in str(caught.value)
    assert account.client().get_secret_value(SecretId=account.name)["SecretString"] == f"{VALUE} and notes"


def test_an_arn_names_a_secret_and_its_region(account: kinds.OneSecret, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = account.client().describe_secret(SecretId=account.name)["ARN"]
    monkeypatch.delenv("AWS_REGION")

    assert read(f"aws-sm://{arn}") == {"DB_PASSWORD": VALUE}


def test_a_parameter_keeps_the_key_that_it_is_encrypted_with(account: kinds.OneSecret) -> None:
    parameters = boto3.client("ssm", region_name="eu-west-1")
    parameters.put_parameter(Name="/own/DB_PASSWORD", Value="old", Type="SecureString", KeyId="alias/own")
    store = open_store("aws-ssm://own", Path())
    assert isinstance(store, WritableStore)

    store.write("DB_PASSWORD", Secret(VALUE))

    assert [kept.get("KeyId") for kept in parameters.describe_parameters()["Parameters"]][-1:] == ["alias/own"]
    del account  # whose credentials these are


def test_a_change_that_somebody_made_meanwhile_is_not_overwritten_in_secrets_manager(
    account: kinds.OneSecret, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, theirs = open_store(account.uri, Path()), account.client()
    assert isinstance(store, WritableStore)
    put = store._replace  # type: ignore[attr-defined] # between reading and writing

    def late(*arguments: Any) -> str:  # noqa: ANN401 - as theirs
        theirs.put_secret_value(SecretId=account.name, SecretString=json.dumps({"DB_PASSWORD": "theirs"}))
        return str(put(*arguments))

    monkeypatch.setattr(store, "_replace", late)

    with pytest.raises(SecretsError, match="Somebody else changed"):
        store.write("OTHER", Secret("mine"))

    assert read(account.uri) == {"DB_PASSWORD": "theirs"}


def test_aws_without_credentials_or_region_says_how_to_get_them(
    account: kinds.OneSecret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert "has no region" in refusal("aws-ssm://shop").problem

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    assert "no credentials for AWS" in refusal(account.uri).problem


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredTokenException", "have expired"),
        ("ExpiredToken", "have expired"),
        ("UnrecognizedClientException", "doesn't know these credentials"),
        ("InvalidSignatureException", "doesn't know these credentials"),
        ("AccessDeniedException", "denies secretsmanager:GetSecretValue on contract/"),
        ("DecryptionFailure", "The key of .* can't be used"),
        ("ThrottlingException", "ThrottlingException slow down"),
    ],
)
def test_what_aws_refuses_is_said_plainly(
    account: kinds.OneSecret, web: Server, code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.answers["POST /"] = Answer(400, {"__type": code, "message": "slow down"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", at(web))

    assert re.search(said, refusal(account.uri).problem)


def far(uri: str, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store whose server is at that URL."""
    set_all(monkeypatch, {
        "VAULT_ADDR": url, "VAULT_TOKEN": VALUE, "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": VALUE, "AWS_REGION": "eu-west-1",
    })  # fmt: skip
    return uri


@pytest.mark.parametrize("uri", [PRODUCTION, "aws-sm://shop", "aws-sm://shop/", "aws-ssm://shop"])
def test_a_store_that_is_down_is_reported_at_once(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "can't be reached" in refusal(far(uri, "http://127.0.0.1:9", monkeypatch)).problem


@pytest.mark.parametrize("uri", [PRODUCTION, "aws-sm://shop", "aws-ssm://shop"])
def test_a_store_that_never_answers_is_given_up(uri: str, web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "ANSWER", 0.2)
    monkeypatch.setattr(vault_client, "WITHIN", 0.3)
    hang = threading.Event()
    for name in ("POST /", "GET /v1/sys/internal/ui/mounts/secret/shop/production"):
        web.answers[name] = Answer(hang=hang)
    try:
        assert "can't be reached" in refusal(far(uri, at(web), monkeypatch)).problem
    finally:
        hang.set()


def test_a_store_that_is_slower_than_the_deadline_stops_the_deploy_whatever_it_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stored, "WITHIN", 0.2)

    with pytest.raises(SecretsError, match=r"gave no answer in 0\.2 s"):
        stored.values(["command://sleep 2"], ["DB_PASSWORD"], tmp_path)


@pytest.fixture
def sops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> kinds.Sops:
    """A file that SOPS encrypted."""
    made = kinds.Sops(tmp_path, monkeypatch)
    made.fill({"DB_PASSWORD": VALUE})
    return made


def test_sops_says_that_there_is_no_key_or_no_file(sops: kinds.Sops, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such file" in refusal("sops://other.yaml", sops.folder).problem
    monkeypatch.setenv("SOPS_AGE_KEY", "")
    error = refusal(sops.uri, sops.folder)
    assert "SOPS can't open production.yaml" in error.problem
    assert "SOPS_AGE_KEY" in error.hint


def test_a_sops_file_that_somebody_tampered_with_is_refused(sops: kinds.Sops) -> None:
    text = sops.file.read_text()
    assert VALUE not in text
    sops.file.write_text(text.replace("DB_PASSWORD", "DB_USER"))

    assert "SOPS can't open production.yaml" in refusal(sops.uri, sops.folder).problem


def test_without_the_program_sops_the_error_says_where_it_is_from(
    sops: kinds.Sops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ToolError, match="sops is not installed") as caught:
        open_store(sops.uri, sops.folder).read(WANTED)
    assert "getsops" in caught.value.hint
