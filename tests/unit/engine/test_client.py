"""Calls to a Docker engine over its socket, and the connections below them."""

import base64
import datetime as dt
import email.utils
import gzip
import io
import json
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Timer
from typing import BinaryIO

import pytest

from tagship.engine import archives, client
from tagship.engine.client import Engine
from tagship.errors import ConfigError, ConnectionFailedError, EngineError
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

    engine.connect()

    engine.close()
    assert engine.api == agreed


@pytest.mark.parametrize("speaks", ["1.40", "0.9"])
def test_an_engine_that_is_too_old_is_refused(daemon: Server, tmp_path: Path, speaks: str) -> None:
    daemon.headers["Api-Version"] = speaks
    engine = Engine(tmp_path / "docker.sock")

    with pytest.raises(EngineError, match=f"supports only API {speaks}") as caught:
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
    with pytest.raises(ConnectionFailedError, match=r"The engine at .*docker\.sock doesn't answer: [A-Z]") as caught:
        Engine(tmp_path / "docker.sock").connect()

    assert "check that Docker runs" in caught.value.hint


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
    engine.close()


def test_a_kept_connection_that_the_engine_closed_is_not_used_again(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {"GET /last": Answer(body=1, last=True), "GET /x": Answer(body=1)}
    engine.get("/last")
    deadline = time.monotonic() + 10
    while not daemon.ended and time.monotonic() < deadline:
        time.sleep(0.001)

    assert engine.get("/x") == 1
    assert daemon.connections == 2


def test_calls_at_once_have_a_connection_each_and_later_ones_use_those(daemon: Server, engine: Engine) -> None:
    together = Barrier(4, timeout=10)

    def meet(_: Request) -> Answer:
        together.wait()
        return Answer(body=1)

    daemon.answers |= {f"GET /{n}": meet for n in range(4)}
    with ThreadPoolExecutor(4) as threads:
        for _ in range(2):
            list(threads.map(engine.get, [f"/{n}" for n in range(4)]))

    assert daemon.connections == 4


def test_a_stream_that_was_left_early_makes_no_later_call_connect_anew(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {"GET /x": Answer(body=1), "GET /events": Answer(lines=[1, 2, 3])}
    events = engine.stream("GET", "/events")
    assert next(events) == 1  # type: ignore[comparison-overlap] # a number is as good as an object
    engine.get("/x")
    before = daemon.connections

    events.close()  # type: ignore[attr-defined] # a generator
    engine.get("/x")

    assert daemon.connections == before


def test_more_calls_at_once_than_urllib3_keeps_by_itself_are_kept(daemon: Server, engine: Engine) -> None:
    together = Barrier(20, timeout=10)

    def meet(_: Request) -> Answer:
        together.wait()
        return Answer(body=1)

    daemon.answers["GET /x"] = meet
    with ThreadPoolExecutor(20) as threads:
        for _ in range(2):
            list(threads.map(engine.get, ["/x"] * 20))

    assert daemon.connections == 20


def test_closing_hangs_up_what_is_idle_and_the_next_call_connects_again(daemon: Server, engine: Engine) -> None:
    engine.get("/info")

    engine.close()

    assert engine.get("/info") == {"Name": "fake"}
    assert daemon.connections == 2


@pytest.mark.usefixtures("daemon")
def test_neither_proxies_nor_netrc_come_between(
    engine: Engine, daemon: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    engine.get("/info")

    assert "Authorization" not in daemon.requests[0].headers


@pytest.mark.parametrize("kept", ['{"auths": {"r.example": {"auth": "?"}}}', '{"auths": {"r.example": 1}}', "[]"])
@pytest.mark.usefixtures("daemon")
def test_a_configuration_of_dockers_that_makes_no_sense_is_named(
    kept: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(kept)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    with pytest.raises(ConfigError, match=r"Docker's config\.json can't be read"):
        Engine(tmp_path / "docker.sock").connect()


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


def test_pushes_with_credentials_in_an_alphabet_that_headers_take(daemon: Server, engine: Engine) -> None:
    daemon.answers["POST /images/r.example/web/push"] = Answer(lines=[{"aux": {"Digest": "sha256:1"}}])

    assert list(engine.push("r.example/web", "tag", {"password": "ÿ?>~\n⟦x⟧"})) == [{"aux": {"Digest": "sha256:1"}}]

    (request,) = daemon.requests
    encoded = request.headers["X-Registry-Auth"]
    assert request.query == {"tag": "tag"}
    assert not set(encoded) & set("+/\n")
    assert json.loads(base64.urlsafe_b64decode(encoded)) == {"password": "ÿ?>~\n⟦x⟧"}


def test_an_archive_that_the_engine_compressed_on_its_way_is_read_as_a_tar(daemon: Server, engine: Engine) -> None:
    content = b"x" * 100_000
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as written:
        entry = tarfile.TarInfo("app.js")
        entry.size = len(content)
        written.addfile(entry, io.BytesIO(content))
    packed = gzip.compress(buffer.getvalue())
    daemon.answers["GET /containers/c1/archive"] = Answer(body=packed, headers={"Content-Encoding": "gzip"})

    with engine.archive("c1", "/srv") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        (found,) = [file.read() for member in tar if (file := tar.extractfile(member))]

    assert found == content
    with engine.archive("c1", "/srv") as stream:
        assert stream.read() == buffer.getvalue()


def test_archives_go_in_and_come_out_as_they_are(daemon: Server, engine: Engine) -> None:
    tar = bytes(range(256))
    daemon.answers |= {"PUT /containers/c1/archive": Answer(), "GET /containers/c1/archive": Answer(body=tar)}

    engine.put_archive("c1", "/etc", tar)

    assert daemon.requests[0].body == tar
    with engine.archive("c1", "/etc/x") as stream:
        assert stream.read() == tar
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
        "GET /exec/e1/json": [
            Answer(body={"Running": True, "ExitCode": None}),
            Answer(body={"Running": False, "ExitCode": 3}),
        ],
    }

    stream = engine.hijack("c1", ["sh", "-c", "x"])
    stream.write(b"ab\ncd\n")
    frames = [stream.read() for _ in range(4)]
    stream.close()

    assert frames == [(2, b"a"), (2, b"b\n"), (1, b"cd\n"), (0, b"")]
    assert daemon.requests[0].json()["Cmd"] == ["sh", "-c", "x"]
    assert engine.exit_code(stream) == 3


def test_what_a_program_says_along_with_the_answers_head_is_not_lost(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "POST /containers/c1/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": Answer(101, hijack=lambda _, __: None, early=b"\x01\0\0\0\0\0\0\x02hi"),
    }

    stream = engine.hijack("c1", ["cat", "/x"])

    assert [stream.read(), stream.read()] == [(1, b"hi"), (0, b"")]
    stream.close()


def silent(commands: BinaryIO, _: BinaryIO) -> None:
    """A program that reads to the end of its input."""
    commands.read()


def test_a_program_that_says_nothing_for_too_long_is_given_up(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "POST /containers/c1/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": Answer(101, hijack=silent),
    }
    stream = engine.hijack("c1", ["sh"])
    stream.limit(0.01)

    with pytest.raises(TimeoutError):
        stream.read()
    stream.close()


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


@pytest.mark.parametrize("path", ["/containers/c1/stop", "/containers/c1/wait"])
def test_a_container_may_take_longer_to_end_than_any_other_call(
    daemon: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(client, "CALL_TIMEOUT", 0.05)
    ended = Event()
    daemon.answers[f"POST {path}"] = Answer(204, hang=ended)
    Timer(0.3, ended.set).start()

    engine.call("POST", path)

    assert ended.is_set()


def test_a_file_that_the_engine_never_sends_is_given_up(
    daemon: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_TIMEOUT", 0.1)
    sent = Event()
    daemon.answers["GET /containers/c1/archive"] = Answer(hang=sent)

    try:
        with pytest.raises(ConnectionFailedError):
            archives.read(engine, "c1", "/x")
    finally:
        sent.set()
