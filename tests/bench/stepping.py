"""Runs a deploy or a rollback and says of each call at the server's engine during which step it came."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.chain import CONNECT, Call
from tests.bench.listed import Stepped, anonymous
from tests.bench.recording import Recording
from tests.hello import Hello
from tests.rig import Host

COMMANDS = {"deploy": "ship", "rollback": "rollback"}
"""The command's name on the page → the task."""
_STEP = re.compile(r"✓ +(?P<took>[\d.]+) s  (?P<step>.+)\n")
_ROUNDING = 0.005


@dataclass(frozen=True)
class _Step:
    text: str
    began: float
    ended: float


def stepped(app: Hello, environment: str, host: Host, seen: Recording, task: str) -> list[Stepped]:
    """Each call of one run, in order, without what differs from one run to the next.

    Opened connections aren't among them: how many there are depends on what happened to be under way at once.
    """
    seen.begin()
    steps = list(_watched(app, environment, seen, task))
    calls = [call for call in seen.calls if call.what != CONNECT]
    names = _names(app, environment, host)
    return [Stepped(anonymous(_during(call, steps), names), anonymous(call.what, names)) for call in calls]


def _watched(app: Hello, environment: str, seen: Recording, task: str) -> Iterator[_Step]:
    """The steps as they end."""
    with app.start(task, "--env", environment) as process:
        assert process.stdout
        assert process.stderr
        said = ""
        for line in process.stderr:
            said += line
            if found := _STEP.fullmatch(line):
                now = seen.now()
                yield _Step(found["step"], now - float(found["took"]) - _ROUNDING, now)
        said += process.stdout.read()
    assert process.returncode == 0, f"tagship {task}: {process.returncode}\n{said}"


def _during(call: Call, steps: list[_Step]) -> str:
    """The step under way, or the one before."""
    if under_way := [step.text for step in steps if step.began <= call.at <= step.ended]:
        return under_way[0].partition(" to ssh://")[0]
    ended = [step.text for step in steps if step.ended < call.at]
    return f"after “{ended[-1].partition(' to ssh://')[0]}”" if ended else "before the first"


def _names(app: Hello, environment: str, host: Host) -> dict[str, str]:
    """Names for the two releases and for the containers, including removed ones."""
    live, before = (entry["release"] for entry in reversed(app.history(environment)[-2:]))
    place = f"{app.name}-{environment}"
    names = {live: "RELEASE", before: "PREVIOUS", place: "PLACE"}
    made = ["events", "--since", "10m", "--until", f"{time.time():.0f}", "--filter", "event=create"]
    told = host.docker(*made, "--format", "{{.ID}} {{.Actor.Attributes.name}}")
    told += host.docker("ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
    for line in told.splitlines():
        container, _, name = line.partition(" ")
        if container:
            names[container[:12]] = anonymous(name, names)
    return names
