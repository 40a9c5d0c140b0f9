"""A real `sh` instead of one in a container."""

import contextlib
import os
import selectors
import subprocess
import threading
from pathlib import Path
from typing import BinaryIO

from tests.fakes.servers import Answer, Said


def shell(folder: Path) -> dict[str, Said]:
    """An engine's answers to an exec: `sh` in a folder, programs found in it first, its output as frames."""

    def run(commands: BinaryIO, frames: BinaryIO) -> None:
        environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
        with subprocess.Popen(
            ["/bin/sh"], cwd=folder, env=environment, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            threading.Thread(target=_feed, args=(commands, process), daemon=True).start()
            _frame(process, frames)

    return {
        "POST /containers/edge/exec": Answer(201, {"Id": "shell"}),
        "POST /exec/shell/start": Answer(101, hijack=run),
    }


def program(folder: Path, name: str, script: str) -> None:
    """A program that the shell finds."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _feed(commands: BinaryIO, process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin
    with contextlib.suppress(ValueError, BrokenPipeError):  # whoever spoke has hung up, or the shell is gone
        while data := commands.readline():
            process.stdin.write(data)
    process.stdin.close()


def _frame(process: "subprocess.Popen[bytes]", frames: BinaryIO) -> None:
    """Errors first where both have something to say, so that they stand before what ends a command."""
    streams = {2: process.stderr, 1: process.stdout}
    with selectors.DefaultSelector() as ready:
        for stream, pipe in streams.items():
            ready.register(pipe, selectors.EVENT_READ, stream)  # type: ignore[arg-type]
        while ready.get_map():
            for key, _ in sorted(ready.select(), key=lambda found: -found[0].data):
                data = os.read(key.fd, 65536)
                if data:
                    frames.write(bytes([key.data, 0, 0, 0]) + len(data).to_bytes(4, "big") + data)
                else:
                    ready.unregister(key.fileobj)
