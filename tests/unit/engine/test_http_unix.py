"""HTTP over a unix socket: connections shared between threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tagship.engine.client import Engine
from tests.fakes.servers import Answer, Request, Server


def test_calls_at_once_have_a_connection_each_and_later_ones_use_those(daemon: Server, engine: Engine) -> None:
    together = Barrier(4, timeout=10)

    def meet(_: Request) -> Answer:
        together.wait()
        return Answer(body=1)

    daemon.answers["GET /x"] = meet
    with ThreadPoolExecutor(4) as threads:
        for _ in range(2):
            list(threads.map(engine.get, ["/x"] * 4))

    assert daemon.connections == 4


def test_closing_hangs_up_what_is_idle_and_the_next_call_connects_again(daemon: Server, engine: Engine) -> None:
    engine.get("/info")

    engine.close()

    assert engine.get("/info") == {"Name": "fake"}
    assert daemon.connections == 2
