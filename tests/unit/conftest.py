"""Fixtures that several modules share: a fake engine's socket, and a registry's or app's server."""

import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tagship import secret
from tagship.engine.client import Engine
from tagship.reporting import redaction
from tagship.system import web as web_
from tests.fakes import sentries
from tests.fakes.repositories import Repository
from tests.fakes.sentries import TOKEN, Sentry
from tests.fakes.servers import Server, on_port, on_socket


@pytest.fixture(autouse=True)
def _nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's own bundles and proxies are no part of a test, and a connection is none of the next one."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    yield
    web_.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Server]:
    """What answers on the engine's socket."""
    with on_socket(tmp_path / "docker.sock") as server:
        yield server


@pytest.fixture
def engine(daemon: Server, tmp_path: Path) -> Iterator[Engine]:
    """An engine that has been connected to."""
    engine = Engine(tmp_path / "docker.sock")
    engine.connect()
    daemon.requests.clear()
    yield engine
    engine.close()


@pytest.fixture
def web() -> Iterator[Server]:
    """An HTTP server on this machine."""
    with on_port() as server:
        yield server


@pytest.fixture
def sentry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sentry]:
    """A Sentry on this machine that the environment names."""
    with sentries.serve() as served:
        monkeypatch.setenv("SENTRY_URL", served.url)
        monkeypatch.setenv("SENTRY_AUTH_TOKEN", TOKEN)
        for name in ("SENTRY_ORG", "SENTRY_PROJECT", "http_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield served


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Server]]:
    """Makes an HTTPS server whose certificate, valid for so many days, this process trusts."""
    with ExitStack() as stack:

        def made(days: int) -> Server:
            key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
            openssl = shutil.which("openssl") or "openssl"
            subprocess.run(
                [
                    openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-days", str(days), "-keyout", key, "-out", certificate,
                ],
                check=True, capture_output=True,
            )  # fmt: skip
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            return stack.enter_context(on_port(tls=context))

        yield made


@pytest.fixture(scope="session")
def _first_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Repository(tmp_path_factory.mktemp("repository")).folder


@pytest.fixture
def repository(_first_commit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """One on its own, the current directory, whatever this machine's git is told."""
    for name in [name for name in os.environ if name.startswith("GIT")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = Path(shutil.copytree(_first_commit, tmp_path / "app"))
    monkeypatch.chdir(folder)
    return Repository(folder)


@pytest.fixture(autouse=True)
def _no_secret_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hidden is known to the process; a test's own secrets must not be hidden in the texts of the next one."""
    monkeypatch.setattr(secret, "_known", set())
    monkeypatch.setattr(redaction, "_concealed", set())
