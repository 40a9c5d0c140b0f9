"""A server whose engine is behind a proxy that lets through only the calls that docs/engine-calls.md lists."""

import socket
from pathlib import Path

import pytest

from tests.rig import Rig
from tests.rights import calls, tour
from tests.rights.proxy import NAME, proxy


@pytest.mark.thorough
def test_everything_works_with_the_listed_calls_alone_and_others_are_refused(rig: Rig, tmp_path: Path) -> None:
    app = tour.made(rig, tmp_path / "app")
    host = rig.hosts[0]
    try:
        with proxy(rig, host, calls.listed()) as seen:
            tour.walk(app)
            assert seen.refused() == [], "run `python -m tests.rights` and look at what is new"

            with socket.socket(socket.AF_UNIX) as there:
                there.connect(str(host.machine.run_folder / f"{NAME}.sock"))
                there.sendall(b"POST /v1.41/swarm/init HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n")
                assert b"not allowed" in there.recv(1 << 16)
    finally:
        app.remove()
