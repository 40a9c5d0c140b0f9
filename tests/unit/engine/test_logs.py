"""The lines that containers printed, in the engine's formats."""

from collections.abc import Iterator

from tagship.engine import logs
from tagship.engine.client import Engine
from tagship.engine.logs import Line
from tests.fakes.servers import Answer, Server

AT, LATER = "2026-11-27T10:00:00.000000001Z", "2026-11-27T10:00:00.000000002Z"


def frame(text: str, stream: int = 1) -> bytes:
    """A message as the engine sends it."""
    return bytes([stream, 0, 0, 0]) + len(text.encode()).to_bytes(4, "big") + text.encode()


def parted(data: bytes) -> Iterator[bytes]:
    """The same bytes, in chunks that end anywhere."""
    return (data[at : at + 7] for at in range(0, len(data), 7))


def test_both_streams_are_read_wherever_the_chunks_end() -> None:
    sent = frame(f"{AT} hellö\n") + frame(f"{LATER} oh no\r\n", 2)

    assert list(logs.lines(parted(sent))) == [Line(AT, "stdout", "hellö"), Line(LATER, "stderr", "oh no")]


def test_a_long_line_that_the_engine_parted_is_one_again() -> None:
    sent = frame(f"{AT} aaa") + frame(f"{AT} other\n", 2) + frame(f"{LATER} bbb\n")

    assert list(logs.lines(parted(sent))) == [Line(AT, "stderr", "other"), Line(AT, "stdout", "aaabbb")]


def test_a_container_with_a_terminal_has_no_frames() -> None:
    sent = f"{AT} one\r\n{LATER} two".encode()

    assert list(logs.lines(parted(sent))) == [Line(AT, "stdout", "one"), Line(LATER, "stdout", "two")]


def test_a_progress_bar_of_a_container_with_a_terminal_is_one_line() -> None:
    sent = f"{AT} at 10 %\rat 20 %\r\n{LATER} done\r\n".encode()

    assert list(logs.lines(iter([sent]))) == [Line(AT, "stdout", "at 10 %\rat 20 %"), Line(LATER, "stdout", "done")]


def test_a_line_without_an_end_is_shown_too() -> None:
    assert list(logs.lines(parted(frame(f"{AT} half")))) == [Line(AT, "stdout", "half")]


def test_the_engine_is_asked_for_the_last_lines_alone(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/c1/logs"] = Answer(body=frame(f"{AT} x\n"))

    assert [line.text for line in logs.read(engine, "c1", tail=5)] == ["x"]

    (request,) = daemon.requests
    assert request.query == {
        "stdout": "1", "stderr": "1", "timestamps": "1", "follow": "0", "since": "0", "tail": "5",
    }  # fmt: skip
