"""The only question to a registry: the digest of a tag."""

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from urllib3.util import connection

from tagship.errors import RegistryError
from tagship.images import credentials
from tagship.images.registry import Registry, UnreachableRegistryError, split
from tests.fakes.servers import Answer, Request, Said, Server

DIGEST = f"sha256:{'1' * 64}"
MANIFEST = "HEAD /v2/shop/web/manifests/tag"
FOUND = Answer(headers={"Docker-Content-Digest": DIGEST})
USER, PASSWORD = "user", 'pä"ss:w$rd'

Secure = Callable[[int], Server]


@pytest.fixture(autouse=True)
def _nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path_factory.mktemp("docker")))
    monkeypatch.delenv(credentials.USERNAME, raising=False)
    monkeypatch.delenv(credentials.PASSWORD, raising=False)


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment has a user's name and password."""
    monkeypatch.setenv(credentials.USERNAME, USER)
    monkeypatch.setenv(credentials.PASSWORD, PASSWORD)


@pytest.fixture
def private(web: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same server at an address of a private network, `HOST:PORT`."""
    connect = connection.create_connection

    def redirected(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:  # noqa: ANN401 - as it takes them
        return connect(("127.0.0.1", address[1]), *rest, **more)

    monkeypatch.setattr(connection, "create_connection", redirected)
    return f"10.0.0.7:{web.port}"


def registry(server: Server) -> Registry:
    """The registry on this machine."""
    return Registry(f"localhost:{server.port}")


def demanding(wanted: str, challenge: str) -> Said:
    """An answer to those alone who bring the wanted authorization."""

    def answer(request: Request) -> Answer:
        if request.headers.get("Authorization") == wanted:
            return FOUND
        return Answer(401, headers={"WWW-Authenticate": challenge})

    return answer


@pytest.mark.parametrize(
    ("repository", "parts"),
    [
        ("localhost/x", ("localhost", "x")),
        ("localhost:5000/shop/web", ("localhost:5000", "shop/web")),
        ("ghcr.io/shop/web", ("ghcr.io", "shop/web")),
        ("shop/web", ("docker.io", "shop/web")),
        ("redis", ("docker.io", "library/redis")),
    ],
)
def test_a_repository_is_read_as_docker_reads_it(repository: str, parts: tuple[str, str]) -> None:
    assert split(repository) == parts


def test_a_tag_names_a_digest(web: Server) -> None:
    web.answers[MANIFEST] = FOUND

    assert registry(web).digest("shop/web", "tag") == DIGEST
    assert "application/vnd.oci.image.index.v1+json" in web.requests[0].headers["Accept"]


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("where", ["http://other.example/up", "https://localhost/up", "//10.0.0.9:5000/up"])
def test_an_upload_is_sent_nowhere_but_to_the_registry_itself(web: Server, where: str) -> None:
    web.headers = {"Location": where}
    web.answers["POST /v2/shop/web/blobs/uploads/"] = Answer(202)

    with pytest.raises(RegistryError, match="wants uploads to go to"):
        registry(web).upload("shop/web", "{}")

    assert [request.method for request in web.requests] == ["POST"]


def test_an_upload_goes_where_the_registry_says(web: Server) -> None:
    web.headers = {"Location": "/v2/shop/web/blobs/uploads/7?_state=x"}
    web.answers["POST /v2/shop/web/blobs/uploads/"] = Answer(202)
    web.answers["PUT /v2/shop/web/blobs/uploads/7"] = Answer(201)

    registry(web).upload("shop/web", "{}")

    assert [request.method for request in web.requests] == ["POST", "PUT"]


def test_a_tag_that_is_not_there_names_nothing(web: Server) -> None:
    assert registry(web).digest("shop/web", "tag") is None


def test_a_registry_that_is_down_is_told_from_one_that_refuses(web: Server) -> None:
    with pytest.raises(UnreachableRegistryError, match=r"The registry 127\.0\.0\.1:1 doesn't answer"):
        Registry("127.0.0.1:1").digest("shop/web", "tag")

    web.answers[MANIFEST] = Answer(403)
    with pytest.raises(RegistryError, match="answers 403 for shop/web:tag") as caught:
        registry(web).digest("shop/web", "tag")
    assert not isinstance(caught.value, UnreachableRegistryError)
    assert "this account may read" in caught.value.hint


def test_an_answer_without_a_digest_is_an_error(web: Server) -> None:
    web.answers[MANIFEST] = Answer()

    with pytest.raises(RegistryError, match="gives no digest"):
        registry(web).digest("shop/web", "tag")


@pytest.mark.usefixtures("signed_in")
def test_signs_in_with_a_password_where_that_is_asked_for(web: Server) -> None:
    basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    web.answers[MANIFEST] = demanding(basic, 'Basic realm="x"')
    ours = registry(web)

    assert ours.digest("shop/web", "tag") == DIGEST
    assert ours.digest("shop/web", "tag") == DIGEST
    assert len(web.requests) == 3  # asked to sign in only once


@pytest.mark.usefixtures("signed_in")
def test_shows_its_password_to_nobody_who_does_not_ask(web: Server) -> None:
    web.answers[MANIFEST] = FOUND

    registry(web).digest("shop/web", "tag")

    assert "Authorization" not in web.requests[0].headers


@pytest.mark.parametrize("challenge", ['Basic realm="x"', "Negotiate", ""])
def test_nobody_signed_in_is_told_how_to(web: Server, challenge: str) -> None:
    web.answers[MANIFEST] = demanding("never", challenge)

    with pytest.raises(RegistryError, match="answers 401") as caught:
        registry(web).digest("shop/web", "tag")

    assert "docker login" in caught.value.hint


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("key", ["token", "access_token"])
def test_fetches_a_token_where_that_is_asked_for(web: Server, secure: Secure, key: str) -> None:
    authority = secure(1)
    authority.answers["GET /token"] = Answer(body={key: "t0ken"})
    realm = f"https://localhost:{authority.port}/token"
    web.answers[MANIFEST] = demanding("Bearer t0ken", f'Bearer realm="{realm}",service="r.example",scope="x"')

    assert registry(web).digest("shop/web", "tag") == DIGEST

    (request,) = authority.requests
    assert request.query == {"service": "r.example", "scope": "repository:shop/web:pull"}
    assert base64.b64decode(request.headers["Authorization"].split()[1]).decode() == f"{USER}:{PASSWORD}"


@pytest.fixture
def signed_in_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, web: Server) -> None:
    """As `az acr login` leaves it."""
    account = {"auth": base64.b64encode(b"00000000:").decode(), "identitytoken": "eyJ+/="}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {f"localhost:{web.port}": account}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.mark.usefixtures("signed_in_elsewhere")
def test_an_identity_token_is_exchanged_as_oauth_has_it(web: Server, secure: Secure) -> None:
    authority = secure(1)
    authority.answers["POST /token"] = Answer(body={"access_token": "t0ken"})
    realm = f"https://localhost:{authority.port}/token"
    web.answers[MANIFEST] = demanding("Bearer t0ken", f'Bearer realm="{realm}",service="r.example"')

    assert registry(web).digest("shop/web", "tag") == DIGEST

    (request,) = authority.requests
    assert "Authorization" not in request.headers
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(request.body.decode())) == {
        "grant_type": "refresh_token",
        "client_id": "tagship",
        "service": "r.example",
        "scope": "repository:shop/web:pull",
        "refresh_token": "eyJ+/=",
    }


@pytest.mark.usefixtures("signed_in_elsewhere")
def test_an_identity_token_is_no_password(web: Server) -> None:
    web.answers[MANIFEST] = demanding("never", 'Basic realm="x"')

    with pytest.raises(RegistryError, match="answers 401"):
        registry(web).digest("shop/web", "tag")


@pytest.mark.parametrize("token", ["a\nb", "…", ""])
def test_a_token_that_no_header_can_have_is_none(web: Server, secure: Secure, token: str) -> None:
    authority = secure(1)
    authority.answers["GET /token"] = Answer(body={"token": token})
    web.answers[MANIFEST] = demanding("never", f'Bearer realm="https://localhost:{authority.port}/token"')

    with pytest.raises(RegistryError, match="answered without a token"):
        registry(web).digest("shop/web", "tag")


def test_an_anonymous_token_is_asked_for_without_a_password(web: Server, secure: Secure) -> None:
    authority = secure(1)
    authority.answers["GET /token"] = Answer(body={"token": "public"})
    realm = f"https://localhost:{authority.port}/token"
    web.answers[MANIFEST] = demanding("Bearer public", f'Bearer realm="{realm}"')

    assert registry(web).digest("shop/web", "tag") == DIGEST
    assert "Authorization" not in authority.requests[0].headers


def test_a_token_that_is_refused_says_who_refused_it(web: Server, secure: Secure) -> None:
    authority = secure(1)
    authority.answers["GET /token"] = Answer(401)
    realm = f"https://localhost:{authority.port}/token"
    web.answers[MANIFEST] = demanding("never", f'Bearer realm="{realm}"')

    with pytest.raises(RegistryError, match=rf"localhost:{authority.port} refused to sign in \(401\)"):
        registry(web).digest("shop/web", "tag")


def test_an_authority_that_is_down_is_a_registry_that_is_down(web: Server) -> None:
    web.answers[MANIFEST] = demanding("never", 'Bearer realm="https://localhost:1/token"')

    with pytest.raises(UnreachableRegistryError, match="localhost:1 doesn't answer"):
        registry(web).digest("shop/web", "tag")


@pytest.mark.usefixtures("signed_in")
def test_a_password_is_never_sent_for_a_token_without_encryption(web: Server) -> None:
    web.answers[MANIFEST] = demanding("never", f'Bearer realm="http://10.0.0.7:{web.port}/token"')

    with pytest.raises(RegistryError, match="asks for a password in clear text") as caught:
        registry(web).digest("shop/web", "tag")

    assert "registry-insecure: true" in caught.value.hint
    assert web.asked("GET /token") == []


@pytest.mark.usefixtures("signed_in")
def test_a_registry_on_this_machine_may_have_its_authority_here_too(web: Server) -> None:
    web.answers["GET /token"] = Answer(body={"token": "t0ken"})
    web.answers[MANIFEST] = demanding("Bearer t0ken", f'Bearer realm="http://localhost:{web.port}/token"')

    assert registry(web).digest("shop/web", "tag") == DIGEST


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer realm="REALM",service="s", Basic realm="Registry, of ours"',
        'Basic realm="Registry", Bearer realm="REALM",service="s"',
        "Bearer realm=REALM,service=s",
        'BEARER Realm = "REALM" , Service="s"',
        'Negotiate, Bearer service="s",realm="REALM",error="invalid \\"token\\""',
    ],
)
def test_a_challenge_may_be_written_in_many_ways(web: Server, secure: Secure, challenge: str) -> None:
    authority = secure(1)
    authority.answers["GET /token"] = Answer(body={"token": "public"})
    realm = f"https://localhost:{authority.port}/token"
    web.answers[MANIFEST] = demanding("Bearer public", challenge.replace("REALM", realm))

    assert registry(web).digest("shop/web", "tag") == DIGEST
    assert authority.requests[0].query["service"] == "s"


@pytest.mark.usefixtures("signed_in")
def test_nobody_but_this_machine_is_spoken_to_in_clear(web: Server, private: str) -> None:
    web.answers[MANIFEST] = demanding("never", 'Basic realm="x"')

    with pytest.raises(RegistryError, match="can't be reached over HTTPS") as caught:
        Registry(private).digest("shop/web", "tag")

    assert not isinstance(caught.value, UnreachableRegistryError)
    assert "registry-insecure: true" in caught.value.hint
    assert web.requests == []


@pytest.mark.usefixtures("signed_in")
def test_a_certificate_that_is_not_valid_is_no_reason_to_speak_in_clear(
    secure: Secure, private: str, web: Server
) -> None:
    authority = secure(1)  # whose certificate is for localhost
    web.answers[MANIFEST] = demanding("never", 'Basic realm="x"')

    with pytest.raises(RegistryError, match="certificate verify failed"):
        Registry(f"{private.partition(':')[0]}:{authority.port}").digest("shop/web", "tag")

    assert authority.requests == []


@pytest.mark.usefixtures("signed_in")
def test_what_tagship_yml_calls_insecure_is_spoken_to_in_clear(web: Server, private: str) -> None:
    basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    web.answers[MANIFEST] = demanding(basic, 'Basic realm="x"')

    assert Registry(private, insecure=True).digest("shop/web", "tag") == DIGEST

    web.answers[MANIFEST] = demanding("Bearer t0ken", f'Bearer realm="http://{private}/token"')
    web.answers["GET /token"] = Answer(body={"token": "t0ken"})

    assert Registry(private, insecure=True).digest("shop/web", "tag") == DIGEST


@pytest.mark.parametrize("challenge", ["Bearer", 'Bearer realm=""', "Bearer realm=x", "Bearer realm=https://["])
def test_a_challenge_that_makes_no_sense_is_a_refusal(web: Server, challenge: str) -> None:
    web.answers[MANIFEST] = demanding("never", challenge)

    with pytest.raises(RegistryError):
        registry(web).digest("shop/web", "tag")


def test_a_token_is_shown_for_its_own_repository_alone(web: Server, secure: Secure) -> None:
    authority = secure(1)
    authority.answers["GET /token"] = lambda request: Answer(body={"token": request.query["scope"].split(":")[1]})
    realm = f"https://localhost:{authority.port}/token"
    names = ["shop/web", "shop/api"]
    for name in names:
        web.answers[f"HEAD /v2/{name}/manifests/tag"] = demanding(f"Bearer {name}", f'Bearer realm="{realm}"')
    ours = registry(web)

    assert [ours.digest(name, "tag") for name in names] == [DIGEST, DIGEST]

    shown = [request.headers.get("Authorization") for request in web.asked("HEAD /v2/shop/api/manifests/tag")]
    assert shown == [None, "Bearer shop/api"]
