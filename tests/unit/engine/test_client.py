"""One Docker engine, spoken to over its socket; the connections under it, too."""

import base64
import datetime as dt
import email.utils
import json
import socket
import time
from pathlib import Path
from threading import Event
from typing import BinaryIO

import pytest

from tagship.engine.client import Engine, encode_credentials
from tagship.errors import ConnectionFailedError, EngineError
from tests.fakes.links import Link
from tests.fakes.servers import Answer, Request, Server, on_socket


def test_agrees_on_the_newest_api_that_both_speak(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /x"] = Answer(body=[1])

    engine.get("/x")

    assert engine.api == (1, 51)
    assert daemon.connections == 1
    (request,) = daemon.requests
    assert (request.line, request.body) == ("/v1.51/x", b"")
    assert "Content-Type" not in request.headers


@pytest.mark.parametrize(("speaks", "agreed"), [("1.41", (1, 41)), ("1.99", (1, 51))])
def test_an_older_engine_is_spoken_to_in_its_own_words(
    daemon: Server, tmp_path: Path, speaks: str, agreed: object
) -> None:
    daemon.headers["Api-Version"] = speaks
    engine = Engine(tmp_path / "docker.sock")

    assert engine.connect() == {"Name": "fake"}

    engine.close()
    assert engine.api == agreed


@pytest.mark.parametrize("speaks", ["1.40", "0.9"])
def test_an_engine_that_is_too_old_is_refused(daemon: Server, tmp_path: Path, speaks: str) -> None:
    daemon.headers["Api-Version"] = speaks
    engine = Engine(tmp_path / "docker.sock")

    with pytest.raises(EngineError, match=f"speaks API {speaks}") as caught:
        engine.connect()

    engine.close()
    assert "20.10" in caught.value.hint


def test_one_connection_serves_call_after_call(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /x"] = Answer(body={"ok": True})

    assert [engine.get("/x") for _ in range(3)] == [{"ok": True}] * 3

    assert daemon.connections == 1
    assert engine.calls == 4


def test_a_refusal_does_not_spoil_the_calls_after_it(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /x"] = Answer(body=1)
    with pytest.raises(EngineError):
        engine.get("/nothing")

    assert engine.get("/x") == 1


def test_an_answer_that_was_not_read_to_its_end_is_not_read_as_the_next_ones(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {"GET /events": Answer(lines=[{"n": 1}, {"n": 2}]), "GET /x": Answer(body="x")}

    events = engine.stream("GET", "/events")
    assert next(events) == {"n": 1}
    events.close()  # type: ignore[attr-defined]

    assert engine.get("/x") == "x"


@pytest.mark.parametrize(
    ("body", "said"),
    [({"message": "no such image."}, "The engine says: no such image."), (b"<html>", "The engine says 400: <html>.")],
)
def test_a_refusal_says_what_the_engine_said(daemon: Server, engine: Engine, body: object, said: str) -> None:
    daemon.answers["POST /x"] = Answer(400, body)

    with pytest.raises(EngineError) as caught:
        engine.call("POST", "/x")

    assert (caught.value.problem, caught.value.status) == (said, 400)


def test_no_engine_is_a_failed_connection(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailedError, match=r"The engine at .*docker\.sock doesn't answer") as caught:
        Engine(tmp_path / "docker.sock").connect()

    assert "is Docker running" in caught.value.hint


def test_an_engine_that_hangs_up_is_a_failed_connection(daemon: Server, engine: Engine) -> None:
    def hang_up(_: BinaryIO, answers: BinaryIO) -> None:
        answers.close()

    daemon.answers["GET /x"] = Answer(200, headers={"Content-Length": "10"}, hijack=hang_up)

    with pytest.raises(ConnectionFailedError):
        engine.get("/x")


def test_a_call_after_a_cut_goes_over_the_new_link(daemon: Server, tmp_path: Path) -> None:
    link = Link(tmp_path / "docker.sock")
    engine = Engine(tmp_path / "docker.sock", link)
    daemon.answers["GET /x"] = Answer(body=1)
    assert engine.get("/x") == 1
    other = tmp_path / "again.sock"

    with on_socket(other, {"GET /x": Answer(body=2)}):
        link.path = other
        assert engine.get("/x") == 2
        assert engine.socket == other
    link.path = tmp_path / "nobody.sock"
    with pytest.raises(ConnectionFailedError, match="The SSH connection was cut"):
        engine.get("/x")


def test_a_kept_connection_that_the_engine_closed_is_not_used_again(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /x"] = Answer(body=1)
    engine.get("/x")
    kept = engine._pool.take()  # noqa: SLF001 - what becomes of it is the pool's alone
    kept.sock.shutdown(socket.SHUT_RDWR)
    engine._pool.give(kept)  # noqa: SLF001

    assert engine.get("/x") == 1


def test_queries_say_json_where_the_engine_wants_it(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[])

    engine.get("/containers/json", all=True, limit=3, filters={"label": ["a=b&c"]})

    (request,) = daemon.requests
    assert request.query == {"all": "true", "limit": "3", "filters": '{"label": ["a=b&c"]}'}


def test_an_empty_answer_is_none(daemon: Server, engine: Engine) -> None:
    daemon.answers["POST /x"] = Answer(204)

    assert engine.call("POST", "/x", {"a": 1}) is None
    assert daemon.requests[0].json() == {"a": 1}
    assert daemon.requests[0].headers["Content-Type"] == "application/json"


def test_knows_whether_something_exists(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {"GET /there": Answer(body={}), "GET /broken": Answer(500, {"message": "no"})}

    assert engine.exists("/there")
    assert not engine.exists("/elsewhere")
    with pytest.raises(EngineError):
        engine.exists("/broken")


def test_time_is_told_by_the_engines_clock(daemon: Server, engine: Engine) -> None:
    hour_ahead = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    daemon.answers["GET /x"] = Answer(body=1, headers={"Date": email.utils.format_datetime(hour_ahead, usegmt=True)})

    engine.get("/x")

    assert engine.now() - time.time() == pytest.approx(3600, abs=5)


def test_pulls_by_digest_and_hands_the_credentials_to_that_one_request(daemon: Server, engine: Engine) -> None:
    daemon.answers["POST /images/create"] = Answer(lines=[{"status": "Pulling"}, {"status": "Done"}])

    engine.pull("r.example/web", "sha256:1", {"username": "u", "password": "p"})

    (request,) = daemon.requests
    assert request.query == {"fromImage": "r.example/web", "tag": "sha256:1"}
    assert json.loads(base64.urlsafe_b64decode(request.headers["X-Registry-Auth"])) == {
        "username": "u",
        "password": "p",
    }


def test_a_pull_that_fails_on_its_way_is_an_error(daemon: Server, engine: Engine) -> None:
    daemon.answers["POST /images/create"] = Answer(lines=[{"status": "Pulling"}, {"error": "manifest unknown"}])

    with pytest.raises(EngineError, match=r"Pulling r\.example/web@sha256:1: manifest unknown"):
        engine.pull("r.example/web", "sha256:1")


def test_credentials_travel_in_an_alphabet_that_headers_take() -> None:
    encoded = encode_credentials({"password": "ÿ?>~\n⟦x⟧"})

    assert encoded.isascii()
    assert not set(encoded) & set("+/\n")
    assert json.loads(base64.urlsafe_b64decode(encoded)) == {"password": "ÿ?>~\n⟦x⟧"}


def test_archives_go_in_and_come_out_as_they_are(daemon: Server, engine: Engine) -> None:
    tar = bytes(range(256))
    daemon.answers |= {"PUT /containers/c1/archive": Answer(), "GET /containers/c1/archive": Answer(body=tar)}

    engine.put_archive("c1", "/etc", tar)

    assert daemon.requests[0].body == tar
    assert engine.get_archive("c1", "/etc/x") == tar
    assert daemon.connections == 1


def test_a_root_file_system_becomes_an_image(daemon: Server, engine: Engine) -> None:
    daemon.answers["POST /images/create"] = Answer(body=b"{}")

    engine.load(b"tar", "tagship/empty", "1")

    (request,) = daemon.requests
    assert request.query == {"fromSrc": "-", "repo": "tagship/empty", "tag": "1"}
    assert request.body == b"tar"
    assert daemon.connections == 1


def echo(commands: BinaryIO, frames: BinaryIO) -> None:
    """A program that says its first line on stderr in two frames, the rest on stdout, then ends."""
    first, rest = commands.readline(), commands.readline()
    frames.writelines(
        bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data
        for stream, data in ((2, first[:1]), (2, first[1:]), (1, rest))
    )


def started(_: Request) -> Answer:
    """An exec that begins."""
    return Answer(101, hijack=echo)


def test_a_program_in_a_container_is_written_to_and_read_from_frame_by_frame(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "POST /containers/c1/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": started,
        "GET /exec/e1/json": Answer(body={"ExitCode": 3}),
    }

    stream = engine.hijack("c1", ["sh", "-c", "x"])
    stream.write(b"ab\ncd\n")
    frames = [stream.read() for _ in range(4)]
    stream.close()

    assert frames == [(2, b"a"), (2, b"b\n"), (1, b"cd\n"), (0, b"")]
    assert daemon.requests[0].json()["Cmd"] == ["sh", "-c", "x"]
    assert engine.exit_code(stream) == 3


def test_hanging_up_lets_a_program_see_the_end_of_its_input(daemon: Server, engine: Engine) -> None:
    ended = Event()

    def wait(commands: BinaryIO, _: BinaryIO) -> None:
        commands.read()
        ended.set()

    daemon.answers |= {
        "POST /containers/c1/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": Answer(101, hijack=wait),
    }
    stream = engine.hijack("c1", ["sh"])

    stream.close()

    assert ended.wait(5)


def test_a_program_that_can_not_run_is_an_error(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "POST /containers/c1/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": Answer(400, {"message": "not running"}),
    }

    with pytest.raises(EngineError, match="can't run sh in c1") as caught:
        engine.hijack("c1", ["sh"])

    assert caught.value.status == 400


def test_an_engine_that_hangs_up_on_a_program_is_a_failed_connection(daemon: Server, engine: Engine) -> None:
    def hang_up(request: Request) -> Answer:
        raise ConnectionError(request)

    daemon.answers |= {"POST /containers/c1/exec": Answer(201, {"Id": "e1"}), "POST /exec/e1/start": hang_up}

    with pytest.raises(ConnectionFailedError):
        engine.hijack("c1", ["sh"])
