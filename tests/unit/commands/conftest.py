"""An app and an environment within reach, and the command line."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from tagship import namespace
from tagship.cli import Console
from tagship.edge import routes
from tagship.edge.addresses import Addresses
from tagship.edge.state import Files
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.errors import ConnectionFailedError
from tagship.images.credentials import Credentials
from tagship.names import Place
from tagship.project import here
from tagship.project.schema import Environment
from tagship.proof.ledger import Entry, line
from tagship.server import connection as services
from tagship.server.observe import Reader
from tests import reports
from tests.fakes.builders import nobody
from tests.fakes.servers import Answer, Server

CONFIG = """\
app: shop
environments:
  staging: {engine: local, url: "http://staging.example.com", branch: main}
  production: {engine: "ssh://deploy@nowhere.example", url: "https://example.com"}
"""


class Ran(NamedTuple):
    """How a command line ended, and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@dataclass
class Reach:
    """What `services.connect` reaches: the environment `staging`, and its edge's files."""

    engine: Engine
    place: Place = field(default_factory=lambda: Place("shop", "staging"))
    settings: Environment | None = None
    edge: bool = True
    live: str = ""
    ledger: list[str] = field(default_factory=list)
    records: dict[str, bytes] = field(default_factory=dict)
    credentials: Credentials = nobody
    http: routes.Json = field(default_factory=dict)
    """Caddy's configuration."""
    closed: bool = False
    canary: tuple[str, ...] = ()
    """Whether maintenance is on."""

    def session(self) -> "Reach":
        """Connect. Raises ConnectionFailedError for any other environment."""
        if self.settings and self.settings.name != "staging":
            raise ConnectionFailedError("SSH failed.")
        return self

    def files(self) -> AbstractContextManager["Reach | None"]:
        """The edge's files; none where there is no edge."""
        return nullcontext(self if self.edge else None)

    @contextmanager
    def looked_at(self) -> Iterator[Reader]:
        """The environment to plan for."""
        at = Addresses.of(self.settings) if self.settings else Addresses()
        yield Reader(self.engine, cast("Edge", self) if self.edge else None, self.place, at, planning=True)

    def read(self, *, prepare: bool = False) -> Files:
        """The names of all rows."""
        assert not prepare, "who only looks makes nothing"
        return Files(
            self.live, b"", b"key", tuple(self.ledger), disk_free=2**40, memory_free=2**40, http=self.http,
            closed=self.closed,
            canary=self.canary,
        )  # fmt: skip

    def lines(self) -> tuple[str, ...]:
        """The whole ledger."""
        return tuple(self.ledger)

    def record(self, release: str) -> bytes:
        """What was kept of a release."""
        return self.records.get(release, b"")

    def add(self, entry: Entry) -> None:
        """Something was done there."""
        self.ledger.append(line(entry, self.ledger[-1] if self.ledger else ""))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app's folder, the current one."""
    (tmp_path / "tagship.yml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(here.CONFIG, raising=False)
    return tmp_path


@pytest.fixture
def reach(app: Path, daemon: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Reach:  # noqa: ARG001 - its app
    """An environment without any container or lock yet."""
    daemon.answers |= {"GET /containers/json": Answer(body=[]), "GET /networks": Answer(body=[])}
    reached = Reach(engine)

    @contextmanager
    def connect(settings: Environment) -> Iterator[Reach]:
        yield replace(reached, settings=settings)

    monkeypatch.setattr(services, "connect", connect)
    return reached


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Types a command line."""

    def typed(*argv: str) -> Ran:
        code: Any = 0
        try:
            Console(name="tagship", binary="tagship", namespace=namespace).run(["tagship", *argv])
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        reports.check(argv, said.out)
        return Ran(code or 0, said.out, said.err)

    return typed
