"""The floor: only what a deploy can't do without, through one SSH connection, by the engine's API and nothing else.

Run as a program of its own: `floor_script.py deploy|rollback|look`, with what it works on as JSON on standard input.
It proves nothing, locks nothing, records nothing and undoes nothing. Prints the seconds of each part as JSON.
"""

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlencode

POLL = 0.005
WITHIN = 30
SWITCH = f"""until wget -q -t 1 -T 1 -O /dev/null http://$1:8000/; do
  sleep 0.02; tries=$((tries + 1)); [ $tries -lt {WITHIN * 20} ] || exit 1
done
echo $1 > /live/name.new && mv -f /live/name.new /live/name && echo switched"""
"""In the edge's container: wait until a container answers, then have the edge dial it."""


class Line(http.client.HTTPConnection):
    """HTTP to a Docker socket, kept open."""

    def __init__(self, path: str) -> None:
        super().__init__("docker")
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of an address."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        """One call to its end. Ends the program when it fails."""
        text = None if body is None else json.dumps(body)
        self.request(method, path, text, {"Content-Type": "application/json", **headers})
        reply = self.getresponse()
        said = reply.read()
        if reply.status >= http.client.BAD_REQUEST or b'"error"' in said:
            sys.exit(f"{method} {path}: {reply.status} {said.decode()}")
        return said


@contextmanager
def connection(words: dict[str, Any]) -> Iterator[str]:
    """The near end of the server's Docker socket; SSH gets ready beside whatever comes first."""
    with tempfile.TemporaryDirectory() as folder:
        near = f"{folder}/docker.sock"
        with subprocess.Popen([*words["ssh"], "-N", "-L", f"{near}:/var/run/docker.sock", words["server"]]) as ssh:
            try:
                yield near
            finally:
                ssh.kill()  # SIGTERM between its look and its poll() is forgotten: OpenSSH 9.2 then waits for ever


def reached(near: str) -> Line:
    """Wait for SSH."""
    line = Line(near)
    for _ in range(int(WITHIN / POLL)):
        with suppress(OSError):
            line.connect()
            return line
        time.sleep(POLL)
    sys.exit(f"SSH doesn't forward within {WITHIN} s")


def build(words: dict[str, Any]) -> None:
    """One image, into this machine's engine."""
    argv = [words["buildx"], "build", "--quiet", "--provenance=false", "--tag", words["image"]]
    arguments = [f"--build-arg={name}={value}" for name, value in words["arguments"].items()]
    subprocess.run([*argv, *arguments, words["folder"]], check=True, stdout=subprocess.DEVNULL)


def push(words: dict[str, Any]) -> None:
    """Push the image to the registry."""
    repository, _, tag = words["image"].rpartition(":")
    here = Line(os.environ["DOCKER_HOST"].removeprefix("unix://"))
    here.call("POST", f"/images/{repository}/push?{urlencode({'tag': tag})}", **{"X-Registry-Auth": "e30="})


def pull(line: Line, words: dict[str, Any]) -> None:
    """Pull the image on the server."""
    repository, _, tag = words["image"].rpartition(":")
    line.call("POST", f"/images/create?{urlencode({'fromImage': repository, 'tag': tag})}")


def run(line: Line, words: dict[str, Any]) -> None:
    """A new container on the edge's network, started."""
    settings = {
        "Image": words["image"],
        "Env": [f"RELEASE_SHA={words['new']}"],
        "HostConfig": {"NetworkMode": words["network"]},
    }
    line.call("POST", f"/containers/create?name={words['new']}", settings)
    start(line, words)


def start(line: Line, words: dict[str, Any]) -> None:
    """Start an existing container."""
    line.call("POST", f"/containers/{quote(words['new'])}/start")


def switch(line: Line, near: str, words: dict[str, Any]) -> None:
    """Wait until it answers, and have the edge send everyone to it."""
    argv = ["sh", "-c", SWITCH, "sh", words["new"]]
    made = json.loads(line.call("POST", f"/containers/{words['edge']}/exec", {"Cmd": argv, "AttachStdout": True}))
    said = Line(near).call("POST", f"/exec/{made['Id']}/start", {"Detach": False, "Tty": False})
    if b"switched" not in said:
        sys.exit(f"not switched: {said.decode(errors='replace')}")


def stop(line: Line, words: dict[str, Any]) -> None:
    """Stop the former container."""
    line.call("POST", f"/containers/{quote(words['old'])}/stop")


def main() -> None:
    """Do what the first argument says."""
    what, words = sys.argv[1], json.load(sys.stdin)
    marks = [("begin", time.monotonic())]
    with connection(words) as near:
        if what == "deploy":
            build(words)
            push(words)
        line = reached(near)
        marks.append(("reached", time.monotonic()))
        if what == "look":
            line.call("GET", "/containers/json?all=true")
        else:
            if what == "deploy":
                pull(line, words)
                marks.append(("pulled", time.monotonic()))
            (run if what == "deploy" else start)(line, words)
            marks.append(("started", time.monotonic()))
            switch(line, near, words)
            marks.append(("switched", time.monotonic()))
            if words["old"]:
                stop(line, words)
        marks.append(("end", time.monotonic()))
    spans = itertools.pairwise(marks)
    json.dump({name: round(at - before, 4) for (_, before), (name, at) in spans}, sys.stdout)


if __name__ == "__main__":
    main()
