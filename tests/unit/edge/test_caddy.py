"""One environment's part of the edge: requests to the admin API, and parsing of its answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.edge import caddy, routes, sites, state
from tagship.edge.caddy import ensure, find, refuse_old, refuse_unreachable
from tagship.edge.shell import Shell
from tagship.edge.traffic import Edge
from tagship.engine import compose
from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError, ToolError
from tagship.names import Place
from tagship.project.schema import EdgeSettings
from tagship.release.model import Served
from tests.fakes.builders import PLACE, WEB
from tests.fakes.servers import Answer, Server
from tests.fakes.shells import program, shell

OTHER = Place("other", "staging")
LISTED = {
    "Id": "e1",
    "State": "running",
    "Labels": {"tagship.edge": "always"},
    "Ports": [{"PublicPort": 80}, {"PublicPort": 443}, {"PrivatePort": 2019}],
}


def site(place: Place = PLACE) -> routes.Site:
    """An environment's routes."""
    return routes.site(place, ["http://shop.example.com"], Served(WEB), Served(WEB))


SITE = site()
THEIRS = routes.site(OTHER, ["http://other.example.com"], Served(WEB), Served(WEB))


def application(wanted: routes.Site | None = None) -> routes.Json:
    """A new edge's HTTP application, with an environment's routes."""
    new: routes.Json = routes.server_config(80, 443, "acme")["apps"]["http"]
    place = OTHER if wanted is THEIRS else PLACE
    return sites.installed(new, place, wanted) if wanted else new


class Admin:
    """Caddy's admin API, as far as `nc` shows it: each request kept, each answered with the next text given."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answers = 0
        program(
            folder, "nc",
            'n=$(($(ls asked* 2>/dev/null | wc -l) + 1)); cat > "asked$n"; cat "answer$n" 2>/dev/null || exit 1',
        )  # fmt: skip

    def says(self, status: int, body: object = None, etag: str = "", *, chunks: int = 0) -> None:
        """The next answer."""
        text = b"" if body is None else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Any", *([f"Etag: {etag}"] if etag else [])]
        if chunks:
            lines.append("Transfer-Encoding: chunked")
            parts = [text[at : at + chunks] for at in range(0, len(text), chunks)]
            text = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])
        else:
            lines.append(f"Content-Length: {len(text)}")
        self.raw("\r\n".join([*lines, "", ""]).encode() + text)

    def raw(self, answer: bytes) -> None:
        """The next answer, to the byte."""
        self._answers += 1
        (self._folder / f"answer{self._answers}").write_bytes(answer)

    @property
    def asked(self) -> list[str]:
        """First lines of the requests, with what they insist on and send."""
        return [path.read_text().replace("\r", "") for path in sorted(self._folder.glob("asked*"))]


@pytest.fixture
def admin(tmp_path: Path) -> Admin:
    """What the edge's admin API says."""
    return Admin(tmp_path)


@pytest.fixture
def edge(daemon: Server, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    """The staging environment of the app `shop`."""
    monkeypatch.setattr(routes, "CONNECTION_FILE", str(tmp_path / "connection"))
    program(tmp_path, "sleep", 'cp connection "announced$1"')
    daemon.answers |= shell(tmp_path)
    reached = Edge(Shell(engine, "edge"), PLACE)
    yield reached
    reached.close()


def test_routes_that_are_served_already_are_left_alone(edge: Edge, admin: Admin) -> None:
    admin.says(200, application(SITE), '"/config/apps/http abc"')

    assert not edge.serve(SITE)

    assert len(admin.asked) == 1
    assert admin.asked[0].startswith("GET /config/apps/http HTTP/1.1\nHost: 127.0.0.1:2019\n")


@pytest.mark.parametrize(("status", "asked"), [(200, 1), (500, 2)])
def test_what_was_read_of_the_edge_is_not_asked_again_and_what_was_not_is(  # noqa: PLR0913, PLR0917 - its parts
    edge: Edge, admin: Admin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, asked: int
) -> None:
    monkeypatch.setattr(routes, "STATE", str(tmp_path))
    monkeypatch.setattr(state, "_CADDY", str(tmp_path / "caddy"))
    admin.says(status, application(SITE))
    admin.says(200, application(SITE))
    edge.read()

    assert not edge.serve(SITE)

    assert len(admin.asked) == asked


def test_routes_are_taken_out_of_an_edge_that_was_not_read_before(edge: Edge, admin: Admin) -> None:
    admin.says(200, application(SITE), '"abc"')
    admin.says(200)

    assert edge.serve(routes.site(PLACE, ["http://shop.example.com"], Served(()), Served(())))


def test_other_routes_are_installed_by_one_change_unless_somebody_changed_them_meanwhile(
    edge: Edge, admin: Admin
) -> None:
    admin.says(200, application(), '"/config/apps/http abc"')
    admin.says(200)

    assert edge.serve(SITE)

    head, _, body = admin.asked[1].partition("\n\n")
    assert head.startswith("PATCH /config/apps/http HTTP/1.1")
    assert 'If-Match: "/config/apps/http abc"' in head
    assert json.loads(body) == application(SITE)


def test_a_change_is_announced_to_clients_for_a_while(edge: Edge, admin: Admin, tmp_path: Path) -> None:
    admin.says(200, application(THEIRS), '"abc"')
    admin.says(200)

    edge.serve(SITE)

    assert (tmp_path / "announced1").read_text() == "close"
    assert (tmp_path / "connection").read_text() == "keep-alive"


def test_an_edge_of_an_older_version_cannot_announce_its_change(edge: Edge, admin: Admin, tmp_path: Path) -> None:
    older = application()
    for server in older["servers"].values():
        server["routes"] = []
    admin.says(200, older, '"abc"')
    admin.says(200)

    edge.serve(SITE)

    assert not (tmp_path / "connection").exists()
    assert json.loads(admin.asked[1].partition("\n\n")[2]) == application(SITE)


def test_what_somebody_else_changed_meanwhile_is_read_again(edge: Edge, admin: Admin) -> None:
    admin.says(200, application(), '"abc"')
    admin.says(412, {"error": "If-Match header did not match"})
    admin.says(200, application(THEIRS), '"def"')
    admin.says(200)

    assert edge.serve(SITE)

    assert json.loads(admin.asked[3].partition("\n\n")[2]) == sites.installed(application(THEIRS), PLACE, SITE)


def test_a_host_that_another_environment_is_served_as_is_refused_even_when_ours_had_another(
    edge: Edge, admin: Admin
) -> None:
    ours = routes.site(PLACE, ["http://old.example.com"], Served(WEB), Served(WEB))
    admin.says(200, sites.installed(application(ours), OTHER, site(OTHER)), '"xyz"')

    with pytest.raises(CheckError, match=r"other-staging is already served as shop\.example\.com on this server"):
        edge.serve(SITE)

    assert len(admin.asked) == 1


def test_a_url_whose_scheme_the_edge_has_no_port_for_is_refused(edge: Edge, admin: Admin) -> None:
    admin.says(200, routes.server_config(0, 443, "acme")["apps"]["http"])

    with pytest.raises(CheckError, match="no port for http"):
        edge.serve(SITE)


def test_routes_that_caddy_refuses_are_an_error_that_says_why(edge: Edge, admin: Admin) -> None:
    admin.says(200, application(), '"x"')
    admin.says(400, {"error": "unknown module"})

    with pytest.raises(EngineError, match=r"refused the routes of shop-staging: 400 .*unknown module"):
        edge.serve(SITE)


def test_requests_in_flight_are_those_to_the_release_and_no_other(edge: Edge, admin: Admin) -> None:
    admin.says(
        200,
        [
            {"address": "{file./tagship/shop-staging/live}-web-1:8000", "num_requests": 11},  # 2.11.4 says both
            {"address": "shop-staging-aaaaaaaa-c0ffee-web-1:8000", "num_requests": 2},
            {"address": "shop-staging-aaaaaaaa-c0ffee-web-2:8000", "num_requests": 1},
            {"address": "shop-staging-bbbbbbbb-c0ffee-web-1:8000", "num_requests": 8},
            {"address": "other-shop-staging-aaaaaaaa-c0ffee-web-1:8000", "num_requests": 16},
        ],
    )

    assert edge.requests_in_flight("shop-staging-aaaaaaaa-c0ffee") == 3


@pytest.mark.parametrize(("busy", "told"), [(0, 0), (2, None)])
def test_a_caddy_that_counts_by_its_configuration_alone_can_only_tell_of_none(
    edge: Edge, admin: Admin, busy: int, told: int | None
) -> None:
    admin.says(200, [{"address": "{file./tagship/shop-staging/live}-web-1:8000", "num_requests": busy}])

    assert edge.requests_in_flight("shop-staging-aaaaaaaa-c0ffee") == told


def test_connections_to_addresses_are_counted_by_the_kernels_table(edge: Edge, tmp_path: Path) -> None:
    table = """  sl  local_address rem_address   st tx_queue rx_queue
   0: 0200D50A:9C40 0908D50A:1F40 01 00000000:00000000
   1: 0200D50A:9C41 0908D50A:1F40 06 00000000:00000000
   2: 0200D50A:9C42 0A08D50A:1F40 01 00000000:00000000
"""
    (tmp_path / "table").write_text(table)
    program(tmp_path, "grep", 'exec /usr/bin/env -i /bin/grep "$1" "$2" "$(dirname "$0")/table"')

    assert edge.connections(["10.213.8.9"]) == 1
    assert edge.connections(["10.213.8.9", "10.213.8.10"]) == 2
    assert edge.connections(["10.213.8.11"]) == 0
    assert edge.connections([]) == 0


def test_an_edge_without_upstreams_has_nothing_in_flight(edge: Edge, admin: Admin) -> None:
    admin.says(200, None)

    assert edge.requests_in_flight("shop-staging-aaaaaaaa-c0ffee") == 0


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_answer_in_chunks_is_put_together(edge: Edge, admin: Admin, size: int) -> None:
    admin.says(200, application(SITE), chunks=size)

    assert not edge.serve(SITE)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>\xff", b"nonsense"])
def test_an_answer_that_makes_no_sense_is_an_error_and_no_crash(edge: Edge, admin: Admin, answer: bytes) -> None:
    for _ in range(3):
        admin.raw(answer)

    with pytest.raises(EngineError, match="The edge's configuration can't be read"):
        edge.serve(SITE)


def test_an_admin_api_that_is_down_is_an_error(edge: Edge, admin: Admin) -> None:  # noqa: ARG001 - it says nothing
    with pytest.raises(EngineError):
        edge.requests_in_flight("x")


def test_an_edge_that_runs_is_used(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[LISTED])

    assert ensure(engine, EdgeSettings(http=80, https=443))["Id"] == "e1"
    assert [request.method for request in daemon.requests] == ["GET"]


def test_an_edge_that_stopped_is_started_and_looked_at_again_for_its_addresses(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/json": [Answer(body=[LISTED | {"State": "exited", "Ports": []}]), Answer(body=[LISTED])],
        "POST /containers/e1/start": Answer(204),
    }

    assert ensure(engine, EdgeSettings()) == LISTED
    assert daemon.asked("POST /containers/e1/start")


def test_an_edge_of_an_older_version_is_to_come_back_after_a_power_cut(daemon: Server, engine: Engine) -> None:
    older = LISTED | {"Labels": {"tagship.edge": "true"}}
    daemon.answers |= {"GET /containers/json": Answer(body=[older]), "POST /containers/e1/update": Answer(body={})}

    ensure(engine, EdgeSettings())

    (update,) = daemon.asked("POST /containers/e1/update")
    assert update.json() == {"RestartPolicy": {"Name": "always"}}


def test_who_has_the_edges_port_is_named(daemon: Server, engine: Engine) -> None:
    other = {"Names": ["/nginx"], "Ports": [{"PublicPort": 443}]}
    daemon.answers |= {
        "GET /containers/json": [
            Answer(body=[LISTED | {"State": "created", "Ports": []}]),
            *[Answer(body=[other])] * 2,
        ],
        "POST /containers/e1/start": Answer(500, {"message": "port is already allocated"}),
        "POST /containers/create": Answer(404, {"message": "no such image"}),
    }

    with pytest.raises(CheckError, match="Port 443 of the server is in use by the container nginx") as caught:
        ensure(engine, EdgeSettings())

    assert "edge.https" in str(caught.value.hint)


ID_IN_USE = Answer(500, {"message": "id already in use"})
"""What an old engine said after a power cut."""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between attempts."""
    monkeypatch.setattr(caddy, "_FORGETTING", (0.0, 0.0))


@pytest.mark.usefixtures("at_once")
def test_an_edge_whose_id_the_engine_still_holds_is_started_a_moment_later(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/json": [Answer(body=[LISTED | {"State": "exited", "Ports": []}]), Answer(body=[LISTED])],
        "POST /containers/e1/start": [ID_IN_USE, Answer(204)],
    }

    assert ensure(engine, EdgeSettings()) == LISTED


@pytest.mark.usefixtures("at_once")
def test_an_edge_whose_id_the_engine_never_lets_go_is_made_anew(
    daemon: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[EdgeSettings] = []
    monkeypatch.setattr(caddy, "_make", lambda _, settings: made.append(settings))
    new = LISTED | {"Id": "e2"}
    daemon.answers |= {
        "GET /containers/json": [Answer(body=[LISTED | {"State": "exited", "Ports": []}]), Answer(body=[new])],
        "POST /containers/e1/start": ID_IN_USE,
        "DELETE /containers/e1": Answer(204),
    }

    assert ensure(engine, EdgeSettings()) == new
    (removed,) = daemon.asked("DELETE /containers/e1")
    assert "v" not in removed.query, "its volumes stay"
    assert made == [EdgeSettings()]


def test_a_start_that_fails_for_another_reason_is_that_error(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/json": [Answer(body=[LISTED | {"State": "created"}]), *[Answer(body=[])] * 2],
        "POST /containers/e1/start": Answer(500, {"message": "no space left"}),
        "POST /containers/create": Answer(500, {"message": "no space left"}),
    }

    with pytest.raises(EngineError, match="no space left"):
        ensure(engine, EdgeSettings())


def test_an_image_that_cannot_be_had_is_named_with_what_to_do(
    daemon: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ToolError("docker-compose: caddy Pulling\n  Error response from daemon: no such host")

    monkeypatch.setattr(compose, "up", refuse)
    daemon.answers |= {
        "GET /containers/json": Answer(body=[]),
        "GET /networks": Answer(body=[]),
        "GET /info": Answer(body={"KernelVersion": "6.1.0"}),
        "POST /networks/create": Answer(201, {"Id": "n"}),
        "POST /volumes/create": Answer(201, {"Name": "tagship"}),
        "POST /containers/create": Answer(404, {"message": "no such image"}),
    }

    with pytest.raises(
        CheckError, match=r"can't get the edge's image caddy:2: Error response .* no such host"
    ) as caught:
        ensure(engine, EdgeSettings())

    assert caught.value.hint.startswith("set edge.image")


@pytest.mark.parametrize("version", ["2.6.2", "v2.7.6 h1:abc="])
def test_a_caddy_that_cannot_read_a_file_is_refused(version: str) -> None:
    with pytest.raises(CheckError, match=version.split(maxsplit=1)[0]):
        refuse_old(version)


@pytest.mark.parametrize("version", ["v2.8.0 h1:abc=", "2.11.2", "v3.0.0", "(devel)", ""])
def test_any_other_is_used_and_so_is_one_that_has_no_number(version: str) -> None:
    refuse_old(version)


@pytest.mark.parametrize(
    ("url", "edge", "said"),
    [
        ("https://x", {"https": 0}, "needs edge.https, which is 0"),
        ("http://x:8080", {}, "has port 8080, but the edge publishes 80 for http"),
    ],
)
def test_a_url_that_the_edge_has_no_port_for_is_refused(url: str, edge: dict[str, int], said: str) -> None:
    with pytest.raises(CheckError, match=said):
        refuse_unreachable(url, EdgeSettings(**edge))  # type: ignore[arg-type]


@pytest.mark.parametrize(("url", "edge"), [("https://x", {"https": 8443}), ("http://x:81", {"http": 81})])
def test_a_url_without_a_port_may_lead_through_another_machine(url: str, edge: dict[str, int]) -> None:
    refuse_unreachable(url, EdgeSettings(**edge))  # type: ignore[arg-type]


def test_an_edge_on_other_ports_serves_other_apps_and_is_left_alone(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[LISTED])

    with pytest.raises(CheckError, match="publishes 80, 443, not 8080"):
        ensure(engine, EdgeSettings(http=8080, https=443))


def test_a_port_that_is_not_wanted_is_not_missed(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[LISTED])

    assert ensure(engine, EdgeSettings(http=0, https=443))["Id"] == "e1"


def test_there_may_be_no_edge(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[])

    assert find(engine) is None
