"""A registry's user name and password: from the environment, or where `docker login` keeps them."""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tagship.errors import ConfigError, RegistryError, ToolError
from tagship.images import ecr
from tagship.images.credentials import PASSWORD, USERNAME, credentials, known
from tagship.project.values import ecr_region
from tagship.system.aws import LOGIN

HOST = "r.example"
ANY = 'p:ä"$⟦x⟧'


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Docker's configuration folder, empty, first on PATH too."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv(USERNAME, raising=False)
    monkeypatch.delenv(PASSWORD, raising=False)
    return tmp_path


def configure(docker: Path, **kept: object) -> None:
    """Write Docker's configuration."""
    (docker / "config.json").write_text(json.dumps(kept))


def helper(docker: Path, script: str) -> None:
    """A credential helper called `test`, to which the host comes on stdin."""
    path = docker / "docker-credential-test"
    path.write_text(f"#!/bin/sh\nread host\n{script}\n")
    path.chmod(0o755)


def auth(username: str, password: str) -> dict[str, Any]:
    """As `docker login` keeps it where there is no helper."""
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def given(username: str, password: str, host: str = HOST) -> dict[str, str]:
    """As an engine takes it."""
    return {"username": username, "password": password, "serveraddress": host}


@pytest.mark.usefixtures("docker")
def test_nobody_signed_in_anywhere_has_none() -> None:
    assert credentials(HOST) == {}


def test_the_environment_wins(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(docker, auths={HOST: auth("file", "x")})
    monkeypatch.setenv(USERNAME, "ci")
    monkeypatch.setenv(PASSWORD, ANY)

    assert credentials(HOST) == given("ci", ANY)


def test_the_environments_are_shown_to_the_apps_own_registry_alone(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(docker, auths={"other.example": auth("other", "x")})
    monkeypatch.setenv(USERNAME, "ci")
    monkeypatch.setenv(PASSWORD, ANY)

    ours = known(HOST)

    assert ours(HOST) == given("ci", ANY)
    assert ours("other.example") == given("other", "x", "other.example")
    assert ours("docker.io") == {}


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("name", [USERNAME, PASSWORD])
def test_half_of_them_is_a_mistake(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    with pytest.raises(ConfigError, match="Only one of"):
        credentials(HOST)


def test_what_docker_login_kept_is_used(docker: Path) -> None:
    configure(docker, auths={HOST: auth("me", ANY), "other.example": auth("other", "x")})

    assert credentials(HOST) == given("me", ANY)


def test_the_identity_token_of_a_login_elsewhere_is_used(docker: Path) -> None:
    configure(docker, auths={HOST: {**auth("00000000-0000-0000-0000-000000000000", ""), "identitytoken": "t0ken"}})

    assert credentials(HOST) == {"identitytoken": "t0ken", "serveraddress": HOST}


def test_a_helper_may_give_an_identity_token(docker: Path) -> None:
    configure(docker, credsStore="test")
    helper(docker, """printf '{"Username": "<token>", "Secret": "t0ken"}'""")

    assert credentials(HOST) == {"identitytoken": "t0ken", "serveraddress": HOST}


def test_docker_hub_has_a_name_of_its_own_there(docker: Path) -> None:
    hub = "https://index.docker.io/v1/"
    configure(docker, auths={hub: auth("me", "x")})

    assert credentials("docker.io") == given("me", "x", hub)


@pytest.mark.parametrize("kept", [{"credHelpers": {HOST: "test"}}, {"credsStore": "test", "auths": {HOST: {}}}])
def test_a_credential_helper_is_asked_on_stdin(docker: Path, kept: dict[str, Any]) -> None:
    configure(docker, **kept)
    helper(docker, """printf '{"Username": "%s", "Secret": "s"}' "$1-$host" """)

    assert credentials(HOST) == given(f"get-{HOST}", "s")


def test_a_helper_that_does_not_know_the_registry_is_no_failure(docker: Path) -> None:
    configure(docker, credsStore="test")
    helper(docker, "echo credentials not found in native keychain; exit 1")

    assert credentials(HOST) == {}


def test_a_helper_that_fails_is_a_failure(docker: Path) -> None:
    configure(docker, credsStore="test")
    helper(docker, "echo the keychain is locked >&2; exit 1")

    with pytest.raises(RegistryError, match="the keychain is locked"):
        credentials(HOST)


def test_a_helper_of_a_cloud_finds_that_clouds_variables(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    configure(docker, credHelpers={ECR: "test"})
    helper(docker, """printf '{"Username": "AWS", "Secret": "%s"}' "$AWS_PROFILE" """)

    assert credentials(ECR) == given("AWS", "prod", ECR)


def test_a_helper_that_hangs_is_given_up(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagship.images.credentials.HELPER_WITHIN", 0.1)
    configure(docker, credsStore="test")
    helper(docker, "exec sleep 20")

    with pytest.raises(RegistryError, match="docker-credential-test was not done in time"):
        credentials(HOST)


def test_a_helper_that_is_missing_is_named(docker: Path) -> None:
    configure(docker, credsStore="none")

    with pytest.raises(ToolError, match="docker-credential-none is not installed"):
        credentials(HOST)


def test_a_configuration_that_is_no_json_is_named(docker: Path) -> None:
    (docker / "config.json").write_text("{")

    with pytest.raises(ConfigError, match=r"config\.json is not JSON"):
        credentials(HOST)


ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.fixture
def _nobody_at_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_host: str, _region: str) -> tuple[str, str]:
        raise RegistryError("There are no credentials for AWS.", hint=LOGIN)

    monkeypatch.setattr(ecr, "login", refuse)


@pytest.mark.usefixtures("docker")
def test_a_registry_of_aws_is_signed_in_to_in_its_own_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecr, "login", lambda host, region: (region, host))

    assert credentials(ECR) == given("eu-central-1", ECR, ECR)
    assert ecr_region("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop") == "cn-north-1"
    assert ecr_region("public.ecr.aws/shop") == ecr_region(f"{ECR}.example.com/shop") == ""


def test_the_helper_for_a_registry_of_aws_comes_first(docker: Path) -> None:
    configure(docker, credHelpers={ECR: "test"})
    helper(docker, """printf '{"Username": "AWS", "Secret": "s"}'""")

    assert credentials(ECR) == given("AWS", "s", ECR)


@pytest.mark.usefixtures("_nobody_at_aws")
def test_without_credentials_of_aws_what_docker_login_stored_is_used(docker: Path) -> None:
    configure(docker, auths={ECR: auth("AWS", "x")})

    assert credentials(ECR) == given("AWS", "x", ECR)


@pytest.mark.usefixtures("docker", "_nobody_at_aws")
def test_without_any_the_way_to_sign_in_to_aws_is_told() -> None:
    with pytest.raises(RegistryError, match="There are no credentials for AWS") as caught:
        credentials(ECR)

    assert "aws sso login" in str(caught.value.hint)


@pytest.mark.usefixtures("docker")
def test_whom_aws_refuses_a_token_is_told_which_right_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def get_authorization_token(self) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetAuthorizationToken")

    ecr.login.cache_clear()
    monkeypatch.setattr("tagship.system.aws.client", lambda *_: Client())

    with pytest.raises(RegistryError, match=f"AWS denies ecr:GetAuthorizationToken on {ECR}") as caught:
        credentials(ECR)

    assert caught.value.hint == "add it to the policy of that identity"


def test_what_docker_login_stored_is_used_if_aws_refuses_this_identity_a_token(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(host: str, _region: str) -> tuple[str, str]:
        raise RegistryError(f"AWS denies ecr:GetAuthorizationToken on {host}.")

    monkeypatch.setattr(ecr, "login", refuse)
    configure(docker, auths={ECR: auth("AWS", "x")})

    assert credentials(ECR) == given("AWS", "x", ECR)


@pytest.mark.usefixtures("docker")
def test_without_the_extra_for_aws_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    monkeypatch.delitem(sys.modules, "tagship.images.ecr")
    monkeypatch.delattr("tagship.images.ecr")

    with pytest.raises(ToolError, match="is not installed"):
        credentials(ECR)
