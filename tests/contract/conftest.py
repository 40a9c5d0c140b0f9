"""Compose, and an environment: in memory, and on a server of the rig."""

import itertools
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.backups.store import Store
from tagship.backups.stores import open_store
from tagship.edge import caddy
from tagship.edge.routes import ADMIN_PORT, STATE
from tagship.edge.shell import Shell, quote
from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.errors import ToolError
from tagship.names import Holder, Place
from tagship.project.schema import Environment
from tagship.server import observe
from tagship.server.session import Session
from tagship.server.target import Server
from tagship.system import programs
from tagship.testing import MemoryStore, MemoryTarget
from tests.fakes import aws
from tests.rig import Host, Rig
from tests.rig.folder import Folder
from tests.rig.laptop import PLUGINS
from tests.rig.packages import Packages

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Docker Compose: this machine's, or the one the rig downloads."""
    if _answers():
        yield
        return
    client = Packages(Folder.default()).unpacked("client", "docker-cli", "docker-buildx", "docker-compose")
    folder = tmp_path_factory.mktemp("docker")
    (folder / "cli-plugins").symlink_to(client / PLUGINS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(folder))
        yield


def _answers() -> bool:
    try:
        argv = [*programs.docker_plugin("compose"), "version"]
    except ToolError:
        return False
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def engine(rig: Rig) -> Iterator[Engine]:
    """The old engine: what works there works on a current one, and the end-to-end tests see to those."""
    reached = Engine(rig.hosts[1].socket)
    reached.connect()
    yield reached
    reached.close()


@pytest.fixture
def place() -> Place:
    """An environment of a test's own."""
    return Place("contract", f"test{next(_NUMBERS)}")


@pytest.fixture
def server(rig: Rig, engine: Engine, place: Place) -> Iterator[Server]:
    """That environment on that server; nothing is left of it afterwards."""
    # another way to write the server's address: its own may be some app's host already
    address = ".".join(part for part in rig.hosts[1].address.split(".") if part != "0")
    settings = Environment.model_validate(
        {
            "name": place.environment,
            "app": place.app,
            "engine": "local",
            "url": f"http://{address}",
            "smoke": [{"path": "/", "within": "2s"}],
            "smoke-within": "0s",
            "edge": {"image": rig.image("caddy"), "https": 0},
        }
    )
    with Session(engine, settings).locked(Holder("tests", "contract")) as environment:
        environment.observe()  # as every plan begins: it makes what is missing
        yield environment.target()
    _remove(engine, place)


@pytest.fixture(params=["memory", "server"])
def target(request: pytest.FixtureRequest) -> MemoryTarget | Server:
    """Each of the two implementations of the port."""
    if request.param == "memory":
        return MemoryTarget()
    reached: Server = request.getfixturevalue("server")
    return reached


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app's folder, the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["memory", "folder", "ssh", "s3", "s3-locked"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store for backups, of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "folder":
        yield open_store(tmp_path.as_uri())
    elif request.param == "ssh":
        host, folder = request.getfixturevalue("backup_server")
        yield open_store(f"{host.ssh_url}{folder}")
    else:
        rig: Rig = request.getfixturevalue("rig")
        for name, value in rig.s3.variables().items():
            monkeypatch.setenv(name, value)
        locked = request.param == "s3-locked"
        url = rig.s3.bucket("locked" if locked else "plain", locked=locked)
        yield open_store(url.replace("?", f"/test{next(_NUMBERS)}-{secrets.token_hex(4)}?"))


@pytest.fixture
def backup_server(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, str]]:
    """A host, and an empty folder on it that its user owns."""
    host = rig.hosts[1]
    monkeypatch.setenv("PATH", rig.laptop.environment["PATH"])  # its ssh has a key
    folder = host.run(["mktemp", "-d"]).strip()
    host.run(["chown", "deploy", folder])
    yield host, folder
    host.run(["rm", "-rf", folder])


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The URL of what stands in for AWS."""
    with aws.serve() as url:
        yield url


def _remove(engine: Engine, place: Place) -> None:
    for standing in observe.standings(containers.listed(engine), place):
        containers.remove(engine, standing.name)
    ours = {"label": [f"tagship.environment={place.environment}", f"tagship.app={place.app}"]}
    for network in engine.get("/networks", filters=ours):
        engine.call("DELETE", f"/networks/{network['Id']}")
    found = caddy.find(engine)
    if found:
        shell = Shell(engine, found["Id"])
        forget = f"DELETE /id/{place} HTTP/1.1\\r\\nHost: 127.0.0.1:{ADMIN_PORT}\\r\\nConnection: close\\r\\n\\r\\n"
        shell.run(f"printf '{forget}' | nc 127.0.0.1 {ADMIN_PORT}; rm -rf {quote(f'{STATE}/{place}')}")
        shell.close()
